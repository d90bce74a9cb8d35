/**
 * Nested writes: body → levels → their statements, one after the other in one transaction → answer.
 */
import type { Row } from '../execute/exchange.ts';
import type { Pool } from '../execute/pool.ts';
import { type Executed, runTransaction, type Task, type TransactionMode } from '../execute/transaction.ts';
import type { PlanContext } from '../plan/context.ts';
import { answeredColumns, holdsJson } from '../plan/level.ts';
import { type Place, planRoot, refuseUnknownOptions } from '../plan/nested.ts';
import type { PreRequest } from '../query/pre-request.ts';
import type { SessionStatement } from '../query/session.ts';
import type { Statements } from '../query/statement.ts';
import type { RawRequest } from '../request/http.ts';
import { decodeText, refuseUnlessObjects } from '../request/payload.ts';
import { readTree, type TreeLevel } from '../request/tree.ts';
import { verificationOf } from '../response/verify.ts';
import { bind } from './bind.ts';
import type { Scene } from './context.ts';
import { type WrittenLevels, writeLevel } from './level.ts';
import { groupLevels } from './level-rows.ts';
import type { LevelStatement, LevelStatements } from './level-statements.ts';
import { renderMirror } from './mirror.ts';
import type { PreparedNested } from './planned.ts';
import { modeOf } from './task.ts';

/** What a nested write runs under. */
export interface NestedRun {
  readonly pool: Pool;
  readonly mode: TransactionMode;
  readonly session: SessionStatement;
  readonly preRequest: PreRequest | null;
  readonly context: PlanContext;
  readonly statements: LevelStatements;
  /** Told the SQL of every statement. */
  readonly onSql: (text: string) => void;
}

const NO_BINARY: ReadonlySet<number> = new Set();

/** Tasks of one transaction: the first opens the session. */
function createTasks({ session, preRequest, context, onSql }: NestedRun) {
  let isFirst = true;
  return (statements: Statements, id: string | null, body: string): Task => {
    const opens = isFirst;
    isFirst = false;
    onSql(statements.main.text);
    return {
      session: opens ? session : null,
      role: context.role,
      preRequest: opens ? preRequest : null,
      readOnly: false,
      statements,
      key: id === null ? null : `${context.role} ${id}`,
      values: bind(statements.main.parameters, { slots: [], body, offset: 0, fill: null }),
      estimateValues: [],
      binary: NO_BINARY,
    };
  };
}

/** The root's rows as objects of the columns that the answer needs. */
function answeredRows(root: TreeLevel<Place>, written: WrittenLevels, columns: readonly string[]): string {
  const { relation } = root.place;
  const { keys, rows } = written.get(root) ?? { keys: [], rows: [] };
  const positions = columns.map((name) => ({
    name: JSON.stringify(name),
    at: keys.indexOf(name),
    asItIs: holdsJson(relation, name),
  }));
  const objects = rows.map((row) => {
    const members = positions.map(({ name, at, asItIs }) => {
      const text = row?.keys[at] ?? null;
      return `${name}:${asItIs && text !== null ? text : JSON.stringify(text)}`;
    });
    return `{${members.join(',')}}`;
  });
  return `[${objects.join(',')}]`;
}

/**
 * Writes a body. Rejects with ApiError for what is wrong with it (nothing was sent to the database then), and for
 * what PostgreSQL refuses (nothing is written then).
 */
export function runNested(nested: NestedRun, prepared: PreparedNested, body: string): Promise<Executed> {
  const { context, statements } = nested;
  const { plan } = prepared;
  // with `columns` the body was not read before
  if (plan.only !== null) refuseUnlessObjects(body);
  const place = planRoot(context, plan);
  const root = readTree(body, place, context.options.dbMaxNestedObjects);
  refuseUnknownOptions(place, root, plan.options);
  // what an object does not have is null or the column's default where the request says so
  const mayDiffer = ({ link }: Place): boolean =>
    plan.write.preferences.missing !== null || (link === null && plan.only !== null);
  const groups = groupLevels(root, mayDiffer);
  const verify = verificationOf(plan.write);

  return runTransaction(nested.pool, nested.mode, async (transaction) => {
    const taskOf = createTasks(nested);
    const written: WrittenLevels = new Map();
    const run = async ({ statement, id }: LevelStatement, rows: string): Promise<readonly Row[]> =>
      (await transaction.run(taskOf({ main: statement, estimate: null, cost: null }, id, rows))).rows;
    await writeLevel({ context, plan, statements, groups, run, written }, root, null);
    const rows = answeredRows(root, written, answeredColumns(plan));
    const id = prepared.id === null ? null : String(prepared.id);
    const executed = await transaction.run(taskOf(prepared.statements, id, rows));
    const inserted = (written.get(root)?.rows ?? []).filter((row) => row?.inserted).length;
    const result = { ...executed.result, inserted };
    verify?.(result);
    if (!plan.mirrors) return { ...executed, result };
    const { handler } = plan.write;
    const asObject = handler.kind === 'object';
    const stripped = 'stripped' in handler && handler.stripped;
    return { ...executed, result: { ...result, body: renderMirror(root, written, { asObject, stripped }) } };
  });
}

/** Serves a nested write; `onSql` is told the SQL of every statement. Rejects as `runNested` does. */
export function writeNested(
  scene: Scene,
  raw: RawRequest,
  planned: PreparedNested,
  onSql: (text: string) => void,
): Promise<Executed> {
  const { context, settings, catalog, identity } = scene;
  const { write } = planned.plan;
  return runNested(
    {
      pool: context.pool,
      mode: modeOf(scene, write),
      session: context.renderSession(settings.sessionOf(identity, raw, write)),
      preRequest: settings.preRequest,
      context: { catalog, role: identity.role, options: settings.config },
      statements: context.plans.levels,
      onSql,
    },
    planned,
    decodeText(raw.body),
  );
}
