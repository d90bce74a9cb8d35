/**
 * Nested writes: body → levels → their statements, one after the other in one transaction → answer.
 */
import type { Row } from '../execute/step.ts';
import { type Executed, runTransaction, type Task, type Transaction } from '../execute/transaction.ts';
import { answeredColumns } from '../plan/level.ts';
import { planRoot, refuseUnknownOptions } from '../plan/nested.ts';
import type { Place } from '../plan/place.ts';
import type { NestedPlan } from '../plan/types.ts';
import type { Statements } from '../query/statement.ts';
import { decodeText, refuseUnlessObjects } from '../request/payload.ts';
import type { RawRequest } from '../request/raw.ts';
import type { RequestShape } from '../request/shape.ts';
import { readTree } from '../request/tree.ts';
import { type Answer, respond } from '../response/respond.ts';
import { verificationOf } from '../response/verify.ts';
import { bind } from './bind.ts';
import type { Scene } from './context.ts';
import { type WrittenLevels, writeLevel } from './level.ts';
import { answeredRows } from './level-answer.ts';
import { groupLevels } from './level-rows.ts';
import type { LevelStatement } from './level-statements.ts';
import { renderMirror } from './mirror.ts';
import { blameFor } from './nesting.ts';
import type { PreparedNested } from './planned.ts';
import { afterFirst, modeOf, sessionFor } from './task.ts';

/** A nested write that the database has to carry out. */
export interface ReadyNested {
  readonly raw: RawRequest;
  readonly shape: RequestShape;
  readonly planned: PreparedNested;
  /** Puts values in the place of the marks in its slots; null = it has none. */
  readonly fill: ((text: string) => string) | null;
}

const NO_BINARY: ReadonlySet<number> = new Set();

/** Tasks of one nested write: the first opens its session. */
function createTasks(scene: Scene, { raw, shape, planned, fill }: ReadyNested, mostMs: number | null) {
  const { role } = scene.identity;
  const session = sessionFor(scene, raw, planned.plan.write, mostMs);
  let isFirst = true;
  return (statements: Statements, id: string | null, body: string): Task => {
    const task: Task = {
      session,
      role,
      preRequest: scene.settings.preRequest,
      readOnly: false,
      looks: false,
      statements,
      key: id === null ? null : `${role} ${id}`,
      values: bind(statements.main.parameters, { slots: shape.slots, body, offset: 0, fill }),
      estimateValues: [],
      binary: NO_BINARY,
    };
    const opens = isFirst;
    isFirst = false;
    return opens ? task : afterFirst(task);
  };
}

/** The body as levels, each with its rows by what is to be done with them. */
function readLevels({ catalog, identity, settings }: Scene, plan: NestedPlan, body: string) {
  const context = { catalog, role: identity.role, options: settings.config };
  // with `columns` the body was not read before
  if (plan.only !== null) refuseUnlessObjects(body);
  const place = planRoot(context, plan);
  const root = readTree(body, place, settings.config.dbMaxNestedObjects);
  refuseUnknownOptions(place, root, plan.options);
  // what an object does not have is null or the column's default where the request says so
  const mayDiffer = ({ link }: Place): boolean =>
    plan.write.preferences.missing !== null || (link === null && plan.only !== null);
  return { context, root, groups: groupLevels(root, mayDiffer) };
}

/** Carries out a nested write in an open transaction; may be called again in another one. */
export type RunNested = (run: Transaction['run'], mostMs: number | null) => Promise<Executed>;

/**
 * Judges the body of a nested write, before the database hears of it. `onSql` is told the SQL of every statement.
 * Throws ApiError for what is wrong with the body; what it gives rejects with what PostgreSQL refuses, AURA142 and
 * AURA143, and the transaction must then not be committed.
 */
export function prepareNested(scene: Scene, ready: ReadyNested, onSql: (text: string) => void): RunNested {
  const { planned } = ready;
  const { plan } = planned;
  const body = decodeText(ready.raw.body);
  const { context, root, groups } = readLevels(scene, plan, body);
  const verify = verificationOf(plan.write);

  const write = async (runTask: Transaction['run'], mostMs: number | null): Promise<Executed> => {
    const taskOf = createTasks(scene, ready, mostMs);
    const written: WrittenLevels = new Map();
    const run = async ({ statement, id }: LevelStatement, rows: string): Promise<readonly Row[]> => {
      onSql(statement.text);
      return (await runTask(taskOf({ main: statement, estimate: null, cost: null }, id, rows))).rows;
    };
    const statements = scene.context.plans.levels;
    const answered = answeredColumns(plan);
    const { handler } = plan.write;
    const stripped = 'stripped' in handler && handler.stripped;
    const mirror = plan.mirrors ? { stripped } : null;
    const fillsDefaults = plan.write.preferences.missing === 'default';
    const writing = { context, answered, mirror, fillsDefaults, statements, groups, run, written };
    await writeLevel(writing, root, null);
    const rows = answeredRows(root, written, answered);
    const id = planned.id === null ? null : String(planned.id);
    const executed = await runTask(taskOf(planned.statements, id, rows));
    const inserted = (written.get(root)?.rows ?? []).filter((row) => row?.inserted).length;
    const result = { ...executed.result, inserted };
    verify?.(result);
    if (!plan.mirrors) return { ...executed, result };
    const asObject = handler.kind === 'object';
    return { ...executed, result: { ...result, body: renderMirror(root, written, { asObject, stripped }) } };
  };
  return (run, mostMs) => write(run, mostMs).catch(blameFor([body]));
}

/** The answer to a nested write: that of an insert of the root's rows. */
export const answerToNested = (
  { settings }: Scene,
  { shape, planned }: ReadyNested,
  executed: Executed,
): Answer =>
  respond(
    planned.plan.write,
    planned.headers,
    { range: shape.range, page: null, canonicalQuery: '' },
    executed,
    settings.config.clientErrorVerbosity,
  );

/** Serves a nested write in a transaction of its own. Rejects with ApiError. */
export function writeNested(
  scene: Scene,
  ready: ReadyNested,
  onSql: (text: string) => void,
): Promise<Executed> {
  const write = prepareNested(scene, ready, onSql);
  return runTransaction(scene.context.pool, modeOf(scene, ready.planned.plan.write), ({ run }) =>
    write(run, null),
  );
}
