/**
 * Functions as planning sees them: input parameters with the type to cast arguments to, what comes back, and how
 * to run it. A function that named arguments cannot call is left out.
 */
import type { GrantReader } from './grants.ts';
import type { RawRoutine } from './raw.ts';
import type { Routine, RoutineParameter, RoutineResult } from './types.ts';

/** Types that a request's whole body can be, and so the only parameter even if it has no name. */
const BODY_TYPES: ReadonlySet<string> = new Set(['bytea', 'json', 'jsonb', 'text', 'xml']);

/** Types that mean length 1 where they are written without a length, and their like without a limit. */
const UNLIMITED: ReadonlyMap<string, string> = new Map([
  ['bit', 'bit varying'],
  ['bit[]', 'bit varying[]'],
  ['character', 'character varying'],
  ['character[]', 'character varying[]'],
]);

const VOLATILITIES = { i: 'immutable', s: 'stable', v: 'volatile' } as const;

/** The routine, or null when it has unnamed parameters that a request can't fill. */
export const buildRoutine = (raw: RawRoutine, readGrants: GrantReader): Routine | null => {
  const parameters = buildParameters(raw);
  if (!isCallable(parameters)) return null;
  const hasOutputs = raw.modes?.some((mode) => mode === 't' || mode === 'b' || mode === 'o') ?? false;
  const isComposite = raw.result_is_row || hasOutputs;
  return {
    name: { schema: raw.schema, name: raw.name },
    comment: raw.comment,
    parameters,
    returns: {
      kind: isComposite ? 'composite' : 'scalar',
      setOf: raw.returns_set,
      toOne: !raw.returns_set || raw.rows === 1,
      type: { schema: raw.result_schema, name: raw.result_name },
      isDomain: isComposite && raw.result_is_domain,
      declaredType: raw.result_type,
      outputs: buildOutputs(raw),
    },
    volatility: VOLATILITIES[raw.volatility],
    variadic: raw.variadic,
    securityDefiner: raw.security_definer,
    isolation: raw.isolation,
    settings: raw.settings.map(splitSetting),
    grants: readGrants(raw.acl),
  };
};

const buildParameters = (raw: RawRoutine): readonly RoutineParameter[] => {
  const inputs = raw.types.flatMap((type, i) => {
    const mode = raw.modes?.[i] ?? 'i';
    return mode === 'o' || mode === 't'
      ? []
      : [{ type, mode, name: raw.names?.[i] ?? '', text: raw.default_texts?.[i] ?? null }];
  });
  return inputs.map(({ type, mode, name, text }, i) => ({
    name,
    type,
    castType: UNLIMITED.get(type) ?? type,
    required: i < inputs.length - raw.defaults,
    default: text,
    variadic: mode === 'v',
  }));
};

const buildOutputs = (raw: RawRoutine): RoutineResult['outputs'] =>
  raw.types.flatMap((type, i) => {
    const mode = raw.modes?.[i] ?? 'i';
    return mode === 'o' || mode === 'b' || mode === 't' ? [{ name: raw.names?.[i] ?? '', type }] : [];
  });

const isCallable = (parameters: readonly RoutineParameter[]): boolean => {
  const [first] = parameters;
  if (first !== undefined && parameters.length === 1 && first.name === '') return BODY_TYPES.has(first.type);
  const named = parameters.some((parameter) => parameter.name !== '');
  return parameters.length === 0 || (named && parameters.every((p) => p.name !== '' || !p.required));
};

const splitSetting = (setting: string): readonly [name: string, value: string] => {
  const end = setting.indexOf('=');
  return [setting.slice(0, end), setting.slice(end + 1)];
};

/**
 * The order of overloads, which errors that list them follow: fewest parameters first, then by comment, parameters
 * and result.
 */
export const compareOverloads = (a: Routine, b: Routine): number =>
  a.parameters.length - b.parameters.length || compareTexts(a.comment, b.comment) || compareParameters(a, b);

const compareParameters = (a: Routine, b: Routine): number => {
  for (const [i, left] of a.parameters.entries()) {
    const right = b.parameters[i];
    if (right === undefined) return 1;
    const order = compareTexts(left.name, right.name) || compareTexts(left.type, right.type);
    if (order !== 0) return order;
  }
  return 0;
};

const compareTexts = (a: string | null, b: string | null): number => {
  if (a === b) return 0;
  if (a === null || b === null) return a === null ? -1 : 1;
  return a < b ? -1 : 1;
};
