/**
 * Calls of functions as SQL, with named arguments.
 */
import type { CallPlan, PlannedArgument } from '../plan/types.ts';
import type { Operand } from '../request/ast.ts';
import { column } from './filter.ts';
import { fromBody } from './mutate.ts';
import {
  constant,
  type Fragment,
  fromCatalog,
  list,
  name,
  nothing,
  parameter,
  qualified,
  sql,
} from './sql.ts';

const variadic = (argument: PlannedArgument): Fragment => (argument.variadic ? sql`variadic ` : nothing);

function directValue(argument: PlannedArgument, operands: readonly Operand[]): Fragment {
  if (argument.variadic) {
    const indexes = operands.flatMap((operand) => (operand.kind === 'slot' ? [operand.index] : []));
    return parameter({ kind: 'slots', indexes });
  }
  const [operand] = operands;
  if (operand === undefined) return sql`null`;
  return operand.kind === 'slot'
    ? parameter({ kind: 'slot', index: operand.index, form: 'text' })
    : constant(operand.text);
}

const named = (argument: PlannedArgument, value: Fragment): Fragment =>
  sql`${variadic(argument)}${name(argument.name)} := ${value}`;

interface Call {
  /** What stands before the function in the from clause. */
  readonly before: Fragment;
  readonly arguments: Fragment;
}

function callArguments(plan: Pick<CallPlan, 'arguments'>): Call {
  const given = plan.arguments;
  switch (given.kind) {
    case 'none':
      return { before: nothing, arguments: nothing };
    case 'body':
      return { before: nothing, arguments: sql`${parameter({ kind: 'body' })}::${fromCatalog(given.type)}` };
    case 'direct': {
      const values = given.parameters.map((item) =>
        named(item, sql`${directValue(item, item.operands)}::${fromCatalog(item.type)}`),
      );
      return { before: nothing, arguments: list(values) };
    }
    case 'json': {
      const columns = given.parameters.map((item) => ({
        name: item.name,
        type: item.type,
        transform: null,
        default: null,
      }));
      const body = fromBody({ columns, isObject: given.bodyIsObject, applyDefaults: false, firstOnly: true });
      const values = given.parameters.map((item) =>
        named(item, column({ schema: null, relation: 'pgrst_body' }, item.name)),
      );
      return { before: sql`${body}, lateral `, arguments: list(values) };
    }
  }
}

/** A call whose arguments come one by one, as an expression. */
export function renderExpression(plan: Pick<CallPlan, 'routine' | 'arguments'>): Fragment {
  if (plan.arguments.kind === 'json') throw new Error('members of a body are no expressions');
  return sql`${qualified(plan.routine)}(${callArguments(plan).arguments})`;
}

/** A select of the function's rows; a scalar result is the column pgrst_scalar. */
export function renderCall(plan: CallPlan): Fragment {
  const { before, arguments: given } = callArguments(plan);
  const start = plan.arguments.kind === 'json' ? before : sql`from `;
  const call = sql`${qualified(plan.routine)}(${given})`;
  if (plan.result === 'scalar' || plan.result === 'set of scalar') {
    return sql`select pgrst_call.pgrst_scalar ${start}(select ${call} pgrst_scalar) pgrst_call`;
  }
  const all = plan.returning.length === 0 || plan.returning.includes('*');
  const of = { schema: null, relation: 'pgrst_call' };
  const columns = all ? column(of, '*') : list(plan.returning.map((called) => column(of, called)));
  return sql`select ${columns} ${start}${call} pgrst_call`;
}
