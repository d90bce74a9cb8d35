/**
 * Runs a prepared operation: one transaction, in one trip where it is one statement. What PostgreSQL answers is JSON
 * already and goes on as bytes.
 */

import { runWithinCost } from '../execute/cost.ts';
import type { ResultSet } from '../execute/result.ts';
import {
  type Executed,
  runTransaction,
  runWork,
  type Task,
  type Transaction,
  type TransactionMode,
} from '../execute/transaction.ts';
import type { Parameter } from '../query/sql.ts';
import type { Scene } from '../rest/context.ts';
import { afterFirst, modeIn, rollsBack, within } from '../rest/task.ts';
import type { Variables } from './input.ts';
import { writeNested } from './nested-run.ts';
import type { Operation } from './operation.ts';
import { refusal } from './planner.ts';
import type { Prepared, PreparedStep } from './prepared.ts';

/** The HTTP request that functions and policies may ask about. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

const NO_BINARY: ReadonlySet<number> = new Set();

function boundValue(
  parameter: Parameter,
  { slots, body }: PreparedStep,
  variables: Variables,
  written: string | null,
): string | null {
  switch (parameter.kind) {
    case 'constant':
      return parameter.value;
    case 'slot':
      return slots[parameter.index]?.(variables) ?? null;
    case 'body':
      return written ?? body?.(variables) ?? null;
    default:
      throw new Error(`a document has no parameter of the kind ${parameter.kind}`);
  }
}

/** What the database runs for a step. `written` are rows that it shows; `mostMs` is the time that it has. */
export function taskOf(
  scene: Scene,
  seen: SeenRequest,
  operation: Operation,
  step: PreparedStep,
  variables: Variables,
  written: string | null = null,
  mostMs: number | null = null,
): Task {
  const { context, settings, identity } = scene;
  const session = settings.sessionOf(identity, seen, step.session);
  return {
    session: context.renderSession(mostMs === null ? session : within(session, mostMs)),
    role: identity.role,
    preRequest: settings.preRequest,
    statements: { main: step.statement, estimate: null, cost: null },
    key: step.key,
    values: step.statement.parameters.map((parameter) => boundValue(parameter, step, variables, written)),
    estimateValues: [],
    binary: NO_BINARY,
    readOnly: !operation.isMutation,
    looks: false,
  };
}

/** Throws where a write has affected more rows than it may. */
function verificationOf({ atMost }: PreparedStep, variables: Variables) {
  if (atMost === null) return null;
  const { verb } = atMost;
  const most = atMost.most(variables);
  return ({ page }: ResultSet): void => {
    if (page > most)
      throw refusal(`${verb} impacts too many records`, `It would affect ${page}; raise atMost to allow it.`);
  };
}

/** The transaction that an operation runs in. */
function modeOf(scene: Scene, operation: Operation, steps: readonly PreparedStep[]): TransactionMode {
  const { config, isolationOf, preRequest } = scene.settings;
  let isolation: string | null = null;
  let calls = false;
  for (const { routines } of steps) {
    for (const { routine } of routines) {
      calls = true;
      isolation ??= routine.isolation;
    }
  }
  return modeIn(scene, {
    isolation: isolation ?? isolationOf(scene.identity.role),
    readOnly: !operation.isMutation,
    rollback: rollsBack(config.dbTxEnd, null),
    taints: operation.isMutation || preRequest !== null || calls,
  });
}

type Columns = readonly (Buffer | null)[];

/**
 * The rows of each step, a column for each of its values. `onSql` is told the SQL of statements that nested inserts
 * take. Throws or rejects with ApiError, and GraphQLError beyond `atMost`.
 */
export function runPrepared(
  scene: Scene,
  seen: SeenRequest,
  operation: Operation,
  { steps }: Prepared,
  variables: Variables,
  onSql: (text: string) => void,
): Promise<readonly Columns[]> {
  const [only] = steps;
  if (only === undefined) return Promise.resolve([]);
  const mode = modeOf(scene, operation, steps);
  const { pool } = scene.context;
  if (steps.length > 1 || only.nested !== null) {
    return runTransaction(pool, mode, ({ run }) =>
      runSteps(scene, seen, operation, steps, variables, run, onSql),
    );
  }
  const task = taskOf(scene, seen, operation, only, variables);
  const work = { task, mode, verify: verificationOf(only, variables) };
  const running = only.cost?.guard.isUnknown()
    ? runWithinCost(pool, work, { explain: only.cost.explain, check: only.cost.guard.check })
    : runWork(pool, work);
  return running.then(({ rows }) => [rowOf(rows, only)]);
}

/** Several statements in an open transaction, whose first one sets the session. */
async function runSteps(
  scene: Scene,
  seen: SeenRequest,
  operation: Operation,
  steps: readonly PreparedStep[],
  variables: Variables,
  run: Transaction['run'],
  onSql: (text: string) => void,
): Promise<readonly Columns[]> {
  let isFirst = true;
  const runTask = (task: Task): Promise<Executed> => {
    const opens = isFirst;
    isFirst = false;
    return run(opens ? task : afterFirst(task));
  };
  const found: Columns[] = [];
  for (const step of steps) {
    const { nested } = step;
    const written = nested
      ? await writeNested(
          scene,
          nested,
          variables,
          (task) => runTask({ ...taskOf(scene, seen, operation, step, variables, ''), ...task }),
          onSql,
        )
      : null;
    const { rows, result } = await runTask(taskOf(scene, seen, operation, step, variables, written));
    verificationOf(step, variables)?.(result);
    found.push(rowOf(rows, step));
  }
  return found;
}

/** The JSON columns of the one row; a write's first column is the number of its rows. */
export const rowOf = ([row = []]: readonly Columns[], { isWrite }: PreparedStep): Columns =>
  isWrite ? row.slice(1) : row;
