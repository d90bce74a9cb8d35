/**
 * Nested writes: body → levels → their statements, one after the other in one transaction → answer.
 */
import type { Row } from '../execute/exchange.ts';
import { type Executed, runTransaction, type Task, type Transaction } from '../execute/transaction.ts';
import type { PlanContext } from '../plan/context.ts';
import { answeredColumns, holdsJson } from '../plan/level.ts';
import { type Place, planRoot, refuseUnknownOptions } from '../plan/nested.ts';
import type { PreRequest } from '../query/pre-request.ts';
import type { SessionStatement } from '../query/session.ts';
import type { Statements } from '../query/statement.ts';
import type { RawRequest, RequestShape } from '../request/http.ts';
import { decodeText, refuseUnlessObjects } from '../request/payload.ts';
import { readTree, type TreeLevel } from '../request/tree.ts';
import { type Answer, respond } from '../response/respond.ts';
import { verificationOf } from '../response/verify.ts';
import { bind } from './bind.ts';
import type { Scene } from './context.ts';
import { type WrittenLevels, writeLevel } from './level.ts';
import { groupLevels } from './level-rows.ts';
import type { LevelStatement } from './level-statements.ts';
import { renderMirror } from './mirror.ts';
import type { PreparedNested } from './planned.ts';
import { modeOf, sessionOf } from './task.ts';

/** What a nested write runs under. */
interface NestedRun {
  readonly session: SessionStatement;
  readonly preRequest: PreRequest | null;
  readonly context: PlanContext;
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
      // called by the first; the others know by it whether the role is still the one of their keys
      preRequest,
      readOnly: false,
      looks: false,
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

/** A nested write whose body was read. */
export interface NestedWrite {
  readonly raw: RawRequest;
  readonly prepared: PreparedNested;
  readonly context: PlanContext;
  readonly root: TreeLevel<Place>;
  readonly groups: ReturnType<typeof groupLevels>;
}

/** Reads a body. Throws ApiError for what is wrong with it, before anything is sent to the database. */
export function readNested(
  { catalog, identity, settings }: Scene,
  raw: RawRequest,
  prepared: PreparedNested,
): NestedWrite {
  const context = { catalog, role: identity.role, options: settings.config };
  const { plan } = prepared;
  const body = decodeText(raw.body);
  // with `columns` the body was not read before
  if (plan.only !== null) refuseUnlessObjects(body);
  const place = planRoot(context, plan);
  const root = readTree(body, place, context.options.dbMaxNestedObjects);
  refuseUnknownOptions(place, root, plan.options);
  // what an object does not have is null or the column's default where the request says so
  const mayDiffer = ({ link }: Place): boolean =>
    plan.write.preferences.missing !== null || (link === null && plan.only !== null);
  return { raw, prepared, context, root, groups: groupLevels(root, mayDiffer) };
}

/**
 * Writes in an open transaction; `onSql` is told the SQL of every statement, `mostMs` is the time that each has.
 * Rejects with ApiError for what PostgreSQL refuses.
 */
export async function runNested(
  scene: Scene,
  { raw, prepared, context, root, groups }: NestedWrite,
  transaction: Transaction,
  { onSql, mostMs }: { readonly onSql: (text: string) => void; readonly mostMs: number | null },
): Promise<Executed> {
  const { settings, identity } = scene;
  const { plan } = prepared;
  const statements = scene.context.plans.levels;
  const taskOf = createTasks({
    session: sessionOf(scene, settings.sessionOf(identity, raw, plan.write), mostMs),
    preRequest: settings.preRequest,
    context,
    onSql,
  });
  const written: WrittenLevels = new Map();
  const run = async ({ statement, id }: LevelStatement, rows: string): Promise<readonly Row[]> =>
    (await transaction.run(taskOf({ main: statement, estimate: null, cost: null }, id, rows))).rows;
  await writeLevel({ context, plan, statements, groups, run, written }, root, null);
  const rows = answeredRows(root, written, answeredColumns(plan));
  const id = prepared.id === null ? null : String(prepared.id);
  const executed = await transaction.run(taskOf(prepared.statements, id, rows));
  const inserted = (written.get(root)?.rows ?? []).filter((row) => row?.inserted).length;
  const result = { ...executed.result, inserted };
  verificationOf(plan.write)?.(result);
  if (!plan.mirrors) return { ...executed, result };
  const { handler } = plan.write;
  const asObject = handler.kind === 'object';
  const stripped = 'stripped' in handler && handler.stripped;
  return { ...executed, result: { ...result, body: renderMirror(root, written, { asObject, stripped }) } };
}

/** The answer to a nested write. Throws PGRST111 and 112 for settings that SQL set wrongly. */
export const answerNested = (
  { settings }: Scene,
  { plan }: PreparedNested,
  { range }: RequestShape,
  executed: Executed,
): Answer =>
  respond(
    plan.write,
    { range, page: null, canonicalQuery: '' },
    executed,
    settings.config.clientErrorVerbosity,
  );

/** Serves a nested write in a transaction of its own. Rejects as `readNested` and `runNested` do. */
export async function writeNested(
  scene: Scene,
  raw: RawRequest,
  prepared: PreparedNested,
  onSql: (text: string) => void,
): Promise<Executed> {
  const write = readNested(scene, raw, prepared);
  return runTransaction(scene.context.pool, modeOf(scene, prepared.plan.write), (transaction) =>
    runNested(scene, write, transaction, { onSql, mostMs: null }),
  );
}
