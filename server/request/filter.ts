/**
 * Filters and logic trees: `column=not.eq.value`, `or=(a.gt.1,not.and(b.is.null,c.in.(1,2)))`.
 *
 * `splitOperator` is the fast way for the common form: it tells the operator, which belongs to the request's
 * shape, from the operand, which does not, without running the grammar.
 */
import type {
  Comparison,
  Filter,
  FullTextOperator,
  IsValue,
  ListOperand,
  Logic,
  Operand,
  QuantifiableOperator,
  SimpleOperator,
} from './ast.ts';
import { delimiter, field, fieldName, identifier, lexeme, optional, quotedValue } from './name.ts';
import {
  after,
  anyCharacter,
  attempt,
  before,
  between,
  chain,
  character,
  either,
  label,
  lazy,
  literal,
  many,
  map,
  noneOf,
  notFollowedBy,
  type Parser,
  separatedBy1,
  sequence,
  succeed,
} from './parser.ts';

/** One of several words, tried in this order; a word may be the beginning of a later one. */
const wordOf = <T extends string>(...words: readonly T[]): Parser<T> =>
  either<T>(...words.map((word) => attempt(map(literal(word), () => word))));

const simpleOperator: Parser<SimpleOperator> = label(
  wordOf('neq', 'cs', 'cd', 'ov', 'sl', 'sr', 'nxr', 'nxl', 'adj'),
  'unknown single value operator',
);

const quantifiableOperator: Parser<QuantifiableOperator> = label(
  wordOf('eq', 'gte', 'gt', 'lte', 'lt', 'like', 'ilike', 'match', 'imatch'),
  'unknown single value operator',
);

const fullTextOperator: Parser<FullTextOperator> = wordOf('fts', 'plfts', 'phfts', 'wfts');

const constant = (text: string): Operand => ({ kind: 'constant', text });

const joined = (parser: Parser<string[]>): Parser<string> => map(parser, (characters) => characters.join(''));

/** A quoted value that ends the item; otherwise the quotes are part of the text. */
const quotedItem: Parser<string> = attempt(before(quotedValue, notFollowedBy(noneOf(',)'))));

const listItem: Parser<string> = either(quotedItem, joined(many(noneOf(',)'))));

/** `(a,"b,c",d)`. */
export const listOfValues: Parser<string[]> = between(
  lexeme(character('(')),
  lexeme(character(')')),
  separatedBy1(listItem, character(',')),
);

const isValue: Parser<IsValue> = label(
  either<IsValue>(
    ...(['null', 'not_null', 'true', 'false', 'unknown'] as const).map((word) =>
      attempt(
        map(
          sequence<string[]>(
            ...[...word].map((wanted) => either(character(wanted), character(wanted.toUpperCase()))),
          ),
          () => word,
        ),
      ),
    ),
  ),
  'isVal: (null, not_null, true, false, unknown)',
);

/** What follows an operator's word: a comparison made with a parser for its value. */
const comparison = (value: Parser<Operand>): Parser<Comparison> =>
  label(
    either<Comparison>(
      map(after(attempt(after(literal('in'), delimiter)), listOfValues), (items) => ({
        kind: 'in',
        list: { kind: 'constant', items },
      })),
      map(after(attempt(after(literal('is'), delimiter)), isValue), (is) => ({ kind: 'is', value: is })),
      map(after(attempt(after(literal('isdistinct'), delimiter)), value), (operand) => ({
        kind: 'distinct',
        operand,
      })),
      attempt(
        map(
          sequence<[FullTextOperator, string | null, string, Operand]>(
            fullTextOperator,
            optional(attempt(between(character('('), character(')'), identifier))),
            delimiter,
            value,
          ),
          ([operator, language, , operand]) => ({ kind: 'full-text', operator, language, operand }),
        ),
      ),
      attempt(
        map(
          sequence<[SimpleOperator, string, Operand]>(simpleOperator, delimiter, value),
          ([operator, , operand]) => ({ kind: 'simple', operator, operand }),
        ),
      ),
      attempt(
        map(
          sequence<[QuantifiableOperator, 'any' | 'all' | null, string, Operand]>(
            quantifiableOperator,
            optional(
              attempt(
                between(
                  character('('),
                  character(')'),
                  either<'any' | 'all'>(
                    attempt(map(literal('any'), () => 'any')),
                    map(literal('all'), () => 'all'),
                  ),
                ),
              ),
            ),
            delimiter,
            value,
          ),
          ([operator, quantifier, , operand]) => ({ kind: 'quantifiable', operator, quantifier, operand }),
        ),
      ),
    ),
    'operator (eq, gt, ...)',
  );

/** A condition on a field, without the field. */
export interface Condition {
  readonly negated: boolean;
  readonly comparison: Comparison;
}

const condition = (value: Parser<Operand>): Parser<Condition> =>
  chain(either(attempt(map(after(literal('not'), delimiter), () => true)), succeed(false)), (negated) =>
    map(comparison(value), (found): Condition => ({ negated, comparison: found })),
  );

const restOfText: Parser<Operand> = map(joined(many(anyCharacter)), constant);

/** `not.eq.5`: everything after the operator's dot is the value. */
export const filterCondition: Parser<Condition> = condition(restOfText);

const arrayLiteral: Parser<string> = map(
  sequence<[string, string[], string]>(literal('{'), many(noneOf('{}')), literal('}')),
  ([open, inner, close]) => open + inner.join('') + close,
);

const valueInTree: Parser<Operand> = map(
  either(quotedItem, attempt(arrayLiteral), joined(many(noneOf(',)')))),
  constant,
);

const filterInTree: Parser<Logic> = chain(before(field, delimiter), (of) =>
  map(condition(valueInTree), (found): Filter => ({ kind: 'filter', field: of, ...found })),
);

const negation: Parser<boolean> = label(
  either(attempt(map(after(literal('not'), delimiter), () => true)), succeed(false)),
  'negation operator (not)',
);

const logicOperator: Parser<'and' | 'or'> = label(
  either<'and' | 'or'>(
    attempt(map(literal('and'), () => 'and')),
    map(literal('or'), () => 'or'),
  ),
  'logic operator (and, or)',
);

/** `and(...)`, `not.or(...)`. */
export const logicTree: Parser<Logic> = map(
  sequence<[boolean, 'and' | 'or', Logic[]]>(
    negation,
    logicOperator,
    between(
      lexeme(character('(')),
      lexeme(character(')')),
      separatedBy1(
        lazy(() => logicItem),
        lexeme(character(',')),
      ),
    ),
  ),
  ([negated, operator, children]): Logic => ({ kind: 'logic', operator, negated, children }),
);

const logicItem: Parser<Logic> = either<Logic>(attempt(filterInTree), logicTree);

/** The key of a logic tree: `embed.embed.not.or`. */
export const logicPath: Parser<{ path: string[]; operator: string }> = map(
  separatedBy1(fieldName, delimiter),
  (names) => {
    const operator = names.at(-1) ?? '';
    return {
      path: names.slice(0, -1).filter((name) => name !== 'not'),
      operator: names.includes('not') ? `not.${operator}` : operator,
    };
  },
);

/** A filter's value split by `splitOperator`. */
export interface SplitCondition {
  /** The operator with its dot, `not.` included: it belongs to the shape. */
  readonly prefix: string;
  readonly operand: string;
}

const OPERATOR =
  /^(?:not\.)?(?:(?:eq|gte?|lte?|i?like|i?match)(?:\((?:any|all)\))?|neq|c[sd]|ov|s[lr]|nx[rl]|adj|isdistinct|in|(?:fts|plfts|phfts|wfts)(?:\([\p{L}\d_ $]+\))?)\./u;

/** The operators that are a word, with their dots. */
const WORDS: ReadonlyMap<string, string> = new Map(
  ['eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike', 'in', 'cs', 'cd', 'ov'].map((word) => [
    word,
    `${word}.`,
  ]),
);
const LONGEST_WORD = 5;

/** The operator and the operand of a filter's value; null where it has none of the common forms. */
export function splitOperator(text: string): SplitCondition | null {
  const dot = text.indexOf('.');
  // what nearly all filters are
  const word = dot < 0 || dot > LONGEST_WORD ? undefined : WORDS.get(text.slice(0, dot));
  if (word !== undefined) return { prefix: word, operand: text.slice(word.length) };
  const prefix = OPERATOR.exec(text)?.[0];
  return prefix === undefined ? null : { prefix, operand: text.slice(prefix.length) };
}

const PLAIN_LIST = /^[ \t]*\(([^")]*)\)/;

/** The items of a list without quotes, as `listOfValues` reads it but without running the grammar; else null. */
export function splitPlainList(text: string): readonly string[] | null {
  const inside = PLAIN_LIST.exec(text)?.[1];
  return inside === undefined ? null : inside.replace(/^[ \t]+/, '').split(',');
}

/** Puts a slot in the place of the value that a condition was parsed with. */
export function withSlot(found: Condition, index: number): Condition {
  const slot = { kind: 'slot', index } as const;
  const { comparison: of } = found;
  if (of.kind === 'is') return found;
  if (of.kind === 'in') return { ...found, comparison: { kind: 'in', list: slot satisfies ListOperand } };
  return { ...found, comparison: { ...of, operand: slot } };
}
