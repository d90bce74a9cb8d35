/**
 * `jwt-role-claim-key`: where in the claims the role is. A JSONPath by RFC 9535, or the older form that
 * PostgREST still takes: `.key`, `."quoted key"`, `[0]` and, at the end, `[?(@ == "text")]` with the
 * operators ==, !=, ^== (starts with), ==^ (ends with) and *== (contains).
 */
import { compile, JSONPathError, type JSONPathQuery } from 'json-p3';

/** How to find a value in claims. `select` answers undefined where there is none. */
export type RolePath =
  | { readonly kind: 'jsonpath' | 'deprecated'; readonly select: (claims: unknown) => unknown }
  | { readonly kind: 'invalid'; readonly reason: string };

type Step = (value: unknown) => unknown;

const LARGEST_INDEX = 4_294_967_295;

/** Parses the setting's text; what is neither form is `invalid`, with the reason. */
export function parseRolePath(text: string): RolePath {
  let query: JSONPathQuery;
  try {
    query = compile(text);
  } catch (error) {
    if (!(error instanceof JSONPathError)) throw error;
    const steps = parseDeprecated(text);
    return steps === null
      ? { kind: 'invalid', reason: error.message }
      : { kind: 'deprecated', select: (claims) => steps.reduce((value, step) => step(value), claims) };
  }
  return { kind: 'jsonpath', select: (claims) => query.match(claims as never)?.value };
}

/** The steps of the older form, or null where the text is not in it. */
function parseDeprecated(text: string): readonly Step[] | null {
  const steps: Step[] = [];
  let rest = text;
  while (rest !== '') {
    const key = /^\.(?:([\p{L}\p{N}_$@]+)|"([^"]*)")/u.exec(rest);
    const index = /^\[(\d+)\]/.exec(rest);
    const filter = /^\[\?\(@\s*(==\^|==|!=|\^==|\*==)\s*"([^"]*)"\)\]$/.exec(rest);
    const found = key ?? index ?? filter;
    if (found === null) return null;
    if (key !== null) steps.push(keyStep(key[1] ?? key[2] ?? ''));
    else if (index !== null) steps.push(indexStep(Number(index[1])));
    else steps.push(filterStep(found[1] ?? '', found[2] ?? ''));
    rest = rest.slice(found[0].length);
  }
  return steps.length === 0 ? null : steps;
}

const keyStep =
  (key: string): Step =>
  (value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, key)
      ? (value as Record<string, unknown>)[key]
      : undefined;

const indexStep =
  (index: number): Step =>
  (value) =>
    Array.isArray(value) && index <= LARGEST_INDEX ? value[index] : undefined;

function filterStep(operator: string, wanted: string): Step {
  const accepts = (item: string): boolean => {
    switch (operator) {
      case '==':
        return item === wanted;
      case '!=':
        return item !== wanted;
      case '^==':
        return item.startsWith(wanted);
      case '==^':
        return item.endsWith(wanted);
      default:
        return item.includes(wanted);
    }
  };
  return (value) =>
    Array.isArray(value) ? value.find((item) => typeof item === 'string' && accepts(item)) : undefined;
}
