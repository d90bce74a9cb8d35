/**
 * Runs a prepared operation: one transaction, in one trip where it is one statement. What PostgreSQL answers is JSON
 * already and goes on as bytes.
 */

import { runWithinCost } from '../execute/cost.ts';
import type { ResultSet } from '../execute/result.ts';
import { runTransaction, runWork, type Task } from '../execute/transaction.ts';
import type { Parameter } from '../query/sql.ts';
import type { Scene } from '../rest/context.ts';
import { afterFirst, rollsBack, transactionOf } from '../rest/task.ts';
import type { Variables } from './input.ts';
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
): string | null {
  switch (parameter.kind) {
    case 'constant':
      return parameter.value;
    case 'slot':
      return slots[parameter.index]?.(variables) ?? null;
    case 'body':
      return body?.(variables) ?? null;
    default:
      throw new Error(`a document has no parameter of the kind ${parameter.kind}`);
  }
}

function taskOf(
  scene: Scene,
  seen: SeenRequest,
  operation: Operation,
  step: PreparedStep,
  variables: Variables,
): Task {
  const { context, settings, catalog, identity } = scene;
  const [schema = 'public', ...beside] = catalog.schemas;
  const session = settings.sessionOf(identity, seen, {
    schema,
    beside,
    settings: step.routines.flatMap(({ routine }) => routine.settings),
    readOnly: !operation.isMutation,
    preferences: { timezone: null },
  });
  return {
    session: context.renderSession(session),
    role: identity.role,
    preRequest: settings.preRequest,
    statements: { main: step.statement, estimate: null, cost: null },
    key: step.id === null ? null : `${identity.role} graphql ${step.id}`,
    values: step.statement.parameters.map((parameter) => boundValue(parameter, step, variables)),
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

/** The rows of each step, a column for each of its values. Rejects with ApiError, and GraphQLError beyond `atMost`. */
export async function runPrepared(
  scene: Scene,
  seen: SeenRequest,
  operation: Operation,
  { steps }: Prepared,
  variables: Variables,
): Promise<readonly (readonly (Buffer | null)[])[]> {
  const [only, ...others] = steps;
  if (only === undefined) return [];
  const { settings, identity } = scene;
  const isolation = steps
    .flatMap(({ routines }) => routines)
    .find(({ routine }) => routine.isolation !== null);
  const mode = {
    ...transactionOf(scene),
    isolation: isolation?.routine.isolation ?? settings.isolationOf(identity.role),
    readOnly: !operation.isMutation,
    rollback: rollsBack(settings.config.dbTxEnd, null),
    taints: operation.isMutation || settings.preRequest !== null || only.routines.length > 0,
  };
  const { pool } = scene.context;
  if (others.length === 0) {
    const task = taskOf(scene, seen, operation, only, variables);
    const work = { ...task, ...mode, verify: verificationOf(only, variables) };
    const running = only.cost?.guard.isUnknown()
      ? runWithinCost(pool, work, { explain: only.cost.explain, check: only.cost.guard.check })
      : runWork(pool, work);
    const { rows } = await running;
    return [rowOf(rows, only)];
  }
  return runTransaction(pool, mode, async ({ run }) => {
    const found: (readonly (Buffer | null)[])[] = [];
    for (const [index, step] of steps.entries()) {
      const task = taskOf(scene, seen, operation, step, variables);
      const { rows, result } = await run(index === 0 ? task : afterFirst(task));
      verificationOf(step, variables)?.(result);
      found.push(rowOf(rows, step));
    }
    return found;
  });
}

/** The JSON columns of the one row; a write's first column is the number of its rows. */
const rowOf = (
  rows: readonly (readonly (Buffer | null)[])[],
  { isWrite }: PreparedStep,
): readonly (Buffer | null)[] => (rows[0] ?? []).slice(isWrite ? 1 : 0);
