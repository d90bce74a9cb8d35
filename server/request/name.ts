/**
 * The lexical part of the query string's grammar: names, quoted values, JSON paths, white space.
 */
import type { Field, JsonStep } from './ast.ts';
import {
  after,
  anyCharacter,
  attempt,
  before,
  between,
  chain,
  character,
  digit,
  either,
  endOfInput,
  label,
  letter,
  literal,
  many,
  many1,
  map,
  noneOf,
  notFollowedBy,
  oneOf,
  option,
  type Parser,
  peek,
  separatedBy1,
  sequence,
  succeed,
} from './parser.ts';

const whiteSpace = many(oneOf(' \t'));

/** A parser with white space around it. */
export const lexeme = <T>(parser: Parser<T>): Parser<T> => after(whiteSpace, before(parser, whiteSpace));

/** The dot between the parts of a parameter. */
export const delimiter: Parser<string> = label(character('.'), 'delimiter (.)');

/** `"..."` with backslash escapes. */
export const quotedValue: Parser<string> = map(
  between(character('"'), character('"'), many(either(noneOf('\\"'), after(character('\\'), anyCharacter)))),
  (characters) => characters.join(''),
);

const trimmed = (characters: readonly string[]): string => characters.join('').trim();

/** Letters, digits, `_`, `$` and spaces inside. */
export const identifier: Parser<string> = map(many1(either(letter, digit, oneOf('_ $'))), trimmed);

/** A dash that does not begin an arrow. */
const dash: Parser<string> = attempt(before(character('-'), notFollowedBy(character('>'))));

const joinedByDashes = (parser: Parser<string>): Parser<string> =>
  map(separatedBy1(parser, dash), (parts) => parts.join('-'));

/** The name of a column, relation or function. */
export const fieldName: Parser<string> = label(
  either(quotedValue, joinedByDashes(identifier)),
  'field name (* or [a..z0..9_$])',
);

const jsonKey: Parser<string> = label(
  either(quotedValue, joinedByDashes(map(many1(noneOf('(-:.,>)')), trimmed))),
  'any non reserved character different from: .,>()',
);

const endOfIndex: Parser<unknown> = either<unknown>(
  attempt(peek(literal('->'))),
  attempt(peek(literal('::'))),
  attempt(peek(literal('.'))),
  attempt(peek(literal(','))),
  // the last item of an embed, or the column of a related order
  attempt(peek(literal(')'))),
  attempt(endOfInput),
);

const jsonIndex: Parser<string> = before(
  map(
    sequence<[string, string[]]>(option(character('-'), '+'), many1(digit)),
    ([sign, digits]) => sign + digits.join(''),
  ),
  endOfIndex,
);

type Operand = Pick<JsonStep, 'kind' | 'value'>;

const jsonOperand: Parser<Operand> = either<Operand>(
  attempt(map(jsonIndex, (value): Operand => ({ kind: 'index', value }))),
  attempt(map(jsonKey, (value): Operand => ({ kind: 'key', value }))),
);

const arrow: Parser<boolean> = either(
  attempt(map(literal('->>'), () => true)),
  attempt(map(literal('->'), () => false)),
);

/** `->key->>0` and so on; may be empty. */
export const jsonPath: Parser<JsonStep[]> = many(
  chain(arrow, (asText) => map(jsonOperand, (operand): JsonStep => ({ ...operand, asText }))),
);

/** A name with an optional JSON path. */
export const field: Parser<Field> = lexeme(
  map(sequence<[string, JsonStep[]]>(fieldName, option(jsonPath, [])), ([name, path]) => ({ name, path })),
);

/** `embed.embed.column->path`: where a filter belongs, and its field. */
export const fieldPath: Parser<{ path: string[]; field: Field }> = map(
  sequence<[string[], JsonStep[]]>(separatedBy1(fieldName, delimiter), option(jsonPath, [])),
  ([names, path]) => ({ path: names.slice(0, -1), field: { name: names.at(-1) ?? '', path } }),
);

/** The columns of `columns` and `on_conflict`. */
export const columnList: Parser<string[]> = separatedBy1(fieldName, lexeme(character(',')));

/** Nothing more follows in this item of a list. */
export const endOfItem = (closers: readonly string[]): Parser<unknown> =>
  either<unknown>(...closers.map((closer) => attempt(peek(literal(closer)))), attempt(endOfInput));

/** A parser's value, or null where it reads nothing. */
export const optional = <T>(parser: Parser<T>): Parser<T | null> => either<T | null>(parser, succeed(null));
