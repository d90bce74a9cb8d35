/** Carries out a nested insert: body → places and levels → their statements → the root's rows, as its answer reads them. */
import type { Row } from '../execute/step.ts';
import type { Executed, Task } from '../execute/transaction.ts';
import type { Parameter } from '../query/sql.ts';
import { readTree } from '../request/tree.ts';
import type { Scene } from '../rest/context.ts';
import { type WrittenLevels, writeLevel } from '../rest/level.ts';
import { answeredRows } from '../rest/level-answer.ts';
import { groupLevels } from '../rest/level-rows.ts';
import type { LevelStatement } from '../rest/level-statements.ts';
import { blameNesting } from '../rest/nesting.ts';
import type { Variables } from './input.ts';
import type { NestedInsert } from './nested.ts';

/** Runs a task of the operation's transaction. */
export type RunTask = (task: Pick<Task, 'statements' | 'key' | 'values'>) => Promise<Executed>;

/** A level's statement has its rows as its only value. */
const boundTo = (parameter: Parameter, body: string): string | null => {
  if (parameter.kind === 'body') return body;
  if (parameter.kind === 'constant') return parameter.value;
  throw new Error(`a level has no parameter of the kind ${parameter.kind}`);
};

/**
 * Writes the rows of all levels; resolves with the root's as JSON. `onSql` is told the SQL of every statement. Rejects
 * with ApiError for what is wrong with the body, what PostgreSQL refuses, AURA142 and AURA143.
 */
export async function writeNested(
  { context: { plans }, catalog, identity, settings: { config } }: Scene,
  nested: NestedInsert,
  variables: Variables,
  runTask: RunTask,
  onSql: (text: string) => void,
): Promise<string> {
  const body = nested.body(variables);
  if (body === null) throw new Error('a nested insert has no body');
  const root = readTree(body, nested.createRoot(), config.dbMaxNestedObjects);
  const written: WrittenLevels = new Map();
  const run = async ({ statement, id }: LevelStatement, rows: string): Promise<readonly Row[]> => {
    onSql(statement.text);
    const executed = await runTask({
      statements: { main: statement, estimate: null, cost: null },
      key: id === null ? null : `${identity.role} ${id}`,
      values: statement.parameters.map((parameter) => boundTo(parameter, rows)),
    });
    return executed.rows;
  };
  const writing = {
    context: { catalog, role: identity.role, options: config },
    answered: nested.answered,
    mirror: null,
    fillsDefaults: true,
    statements: plans.levels,
    groups: groupLevels(root, () => true),
    run,
    written,
  };
  try {
    await writeLevel(writing, root, null);
  } catch (error) {
    throw blameNesting(error, [body]);
  }
  return answeredRows(root, written, nested.answered);
}
