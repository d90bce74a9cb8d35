/**
 * Calls: which overload of a function the request means, and how its arguments reach it.
 */

import type { Routine } from '../catalog/types.ts';
import { visibleTo } from '../catalog/visible.ts';
import { apiError } from '../errors/codes.ts';
import { suggestOne } from '../errors/suggest.ts';
import { nameKey, type QualifiedName } from '../names.ts';
import type { Argument, MediaType, Request } from '../request/ast.ts';
import type { PlanContext } from './context.ts';
import { returningColumns } from './mutate.ts';
import type { CallPlan, PlannedArgument, PlannedLogic, ReadPlan } from './types.ts';

const directArguments = (request: Request): readonly Argument[] | null => {
  if (request.payload?.kind === 'arguments') return request.payload.arguments;
  return request.payload === null ? request.arguments : null;
};

/** The names under which the request gives arguments, sorted. */
function argumentNames(request: Request): string[] {
  const direct = directArguments(request);
  if (direct) return [...new Set(direct.map((item) => item.name))].sort();
  const { payload } = request;
  if (payload?.kind === 'json') return [...payload.keys];
  return payload?.kind === 'unread json' ? [...(request.columns ?? [])] : [];
}

const RAW_TYPES: Partial<Record<MediaType['kind'], readonly string[]>> = {
  json: ['json', 'jsonb'],
  text: ['text'],
  xml: ['xml'],
  bytes: ['bytea'],
};

const isRaw = (type: MediaType): boolean =>
  type.kind === 'text' || type.kind === 'xml' || type.kind === 'bytes';

const takesBody = (routine: Routine, type: MediaType): boolean => {
  const [only, ...more] = routine.parameters;
  return (
    only !== undefined &&
    more.length === 0 &&
    only.name === '' &&
    (RAW_TYPES[type.kind] ?? []).includes(only.type)
  );
};

function takesNames(routine: Routine, names: readonly string[], rawBody: boolean): boolean {
  if (routine.parameters.length === 0) return names.length === 0 && !rawBody;
  const required = routine.parameters.filter((item) => item.required);
  const known = new Set(routine.parameters.map((item) => item.name));
  return required.every((item) => names.includes(item.name)) && names.every((name) => known.has(name));
}

/**
 * The overload that takes the arguments; failing that, the one that takes the body as its single unnamed one.
 * Throws PGRST202 where none does and PGRST203 where several do.
 */
export function findRoutine(context: PlanContext, name: QualifiedName, request: Request): Routine {
  const names = argumentNames(request);
  const byPost = request.action.kind === 'call' && request.action.method === 'POST';
  const rawBody = byPost && isRaw(request.contentType);
  const overloads = context.catalog.routines.get(nameKey(name.schema, name.name)) ?? [];
  const byNames = overloads.filter((routine) => takesNames(routine, names, rawBody));
  const found =
    byNames.length > 0 || !byPost
      ? byNames
      : overloads.filter((routine) => takesBody(routine, request.contentType));
  const [only] = found;
  if (only === undefined) throw notFound(context, name, names, request, overloads);
  if (found.length > 1) throw ambiguous(context, name, found);
  return only;
}

function ambiguous(context: PlanContext, name: QualifiedName, found: readonly Routine[]): Error {
  // an overload that the role may not call must not be named
  const callable = visibleTo(context.catalog, context.role).routines.get(nameKey(name.schema, name.name));
  const nameable = found.filter((routine) => callable?.includes(routine));
  const signatures = nameable.map(
    ({ name, parameters }) =>
      `${name.schema}.${name.name}(${parameters.map((item) => `${item.name} => ${item.type}`).join(', ')})`,
  );
  return apiError(
    'PGRST203',
    signatures.length === 0
      ? `Could not choose the best candidate function ${name.schema}.${name.name}`
      : `Could not choose the best candidate function between: ${signatures.join(', ')}`,
    {
      hint: 'Try renaming the parameters or the function itself in the database so function overloading can be resolved',
    },
  );
}

const UNNAMED: Partial<Record<MediaType['kind'], string>> = { text: 'text', xml: 'xml', bytes: 'bytea' };

function notFound(
  context: PlanContext,
  name: QualifiedName,
  names: readonly string[],
  request: Request,
  overloads: readonly Routine[],
): Error {
  const shown = `${name.schema}.${name.name}`;
  const byPost = request.action.kind === 'call' && request.action.method === 'POST';
  const unnamed = byPost ? UNNAMED[request.contentType.kind] : undefined;
  if (unnamed !== undefined) {
    return apiError('PGRST202', `Could not find the function ${shown} in the schema cache`, {
      details:
        `Searched for the function ${shown} with a single unnamed ${unnamed} parameter, ` +
        'but no matches were found in the schema cache.',
    });
  }
  const list = names.join(', ');
  const without = names.length === 0;
  const searched = without ? ' without parameters' : ` with parameter${names.length > 1 ? 's' : ''} ${list}`;
  const orBody =
    byPost && request.contentType.kind === 'json' ? ' or with a single unnamed json/jsonb parameter' : '';
  return apiError(
    'PGRST202',
    `Could not find the function ${shown}${without ? ' without parameters' : `(${list})`} in the schema cache`,
    {
      details: `Searched for the function ${shown}${searched}${orBody}, but no matches were found in the schema cache.`,
      hint: nearestRoutine(context, name, names, overloads),
    },
  );
}

/** Names must be close to be suggested; parameters of a function that was named already need not be. */
const CLOSE = 0.75;

const parameterList = (names: readonly string[]): string => `(${[...names].sort().join(', ')})`;

function nearestRoutine(
  context: PlanContext,
  name: QualifiedName,
  names: readonly string[],
  overloads: readonly Routine[],
): string | null {
  const visible = visibleTo(context.catalog, context.role).routines;
  const callable = visible.get(nameKey(name.schema, name.name)) ?? [];
  let nearest: string | null;
  if (overloads.length === 0) {
    const inSchema = [...visible.values()].flatMap(([first]) =>
      first && first.name.schema === name.schema ? [first.name.name] : [],
    );
    nearest = suggestOne(name.name, inSchema, CLOSE);
  } else {
    const lists = callable.map((routine) => parameterList(routine.parameters.map((item) => item.name)));
    const found = suggestOne(parameterList(names), lists);
    nearest = found === null ? null : name.name + found;
  }
  return nearest === null ? null : `Perhaps you meant to call the function ${name.schema}.${nearest}`;
}

function filterColumns(logic: PlannedLogic): string[] {
  if (logic.kind === 'logic') return logic.children.flatMap(filterColumns);
  return logic.kind === 'filter' ? [logic.field.name] : [];
}

const columnsOfConditions = (plan: ReadPlan): string[] => [
  ...plan.where.flatMap(filterColumns),
  ...plan.order.flatMap((term) => (term.embedAlias === null ? [term.field.name] : [])),
];

function planArguments(routine: Routine, request: Request): CallPlan['arguments'] {
  const [first] = routine.parameters;
  if (routine.parameters.length === 1 && first?.name === '') return { kind: 'body', type: first.type };
  const names = new Set(argumentNames(request));
  const parameters = routine.parameters
    .filter((item) => names.has(item.name))
    .map((item): PlannedArgument => ({ name: item.name, type: item.castType, variadic: item.variadic }));
  if (parameters.length === 0) return { kind: 'none' };
  const direct = directArguments(request);
  if (direct === null) {
    const isObject =
      (request.payload?.kind === 'json' || request.payload?.kind === 'unread json') &&
      request.payload.isObject;
    return { kind: 'json', parameters, bodyIsObject: isObject };
  }
  return {
    kind: 'direct',
    parameters: parameters.map((item) => {
      const given = direct.filter((argument) => argument.name === item.name).map(({ operand }) => operand);
      // of an argument given twice the last counts, but a variadic one takes all
      return { ...item, operands: item.variadic ? given : given.slice(-1) };
    }),
  };
}

/** Plans the call of a routine whose rows `read` reads. */
export function planCall(routine: Routine, request: Request, read: ReadPlan): CallPlan {
  const { kind, setOf, type } = routine.returns;
  const needed = returningColumns(read, []);
  const returning = needed.includes('*')
    ? ['*']
    : [...new Set([...needed, ...columnsOfConditions(read)])].sort();
  return {
    routine: routine.name,
    arguments: planArguments(routine, request),
    result: setOf ? `set of ${kind}` : kind,
    returnsVoid: !setOf && kind === 'scalar' && type.schema === 'pg_catalog' && type.name === 'void',
    returning,
  };
}
