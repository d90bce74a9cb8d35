/**
 * `select=`: columns with aliases, casts, JSON paths and aggregates; embeds and spreads, nested.
 */
import type { AggregateFunction, Field, SelectEmbed, SelectField, SelectItem } from './ast.ts';
import { endOfItem, field, fieldName, identifier, lexeme, optional } from './name.ts';
import {
  after,
  attempt,
  before,
  between,
  chain,
  character,
  either,
  endOfInput,
  fail,
  lazy,
  literal,
  map,
  notFollowedBy,
  type Parser,
  peek,
  run,
  separatedBy,
  sequence,
  succeed,
} from './parser.ts';

const alias: Parser<string | null> = optional(
  attempt(before(fieldName, before(character(':'), notFollowedBy(character(':'))))),
);

type EmbedOption = { hint: string } | { join: 'inner' | 'left' };

const embedOption: Parser<EmbedOption> = after(
  character('!'),
  either<EmbedOption>(
    attempt(map(literal('left'), () => ({ join: 'left' as const }))),
    attempt(map(literal('inner'), () => ({ join: 'inner' as const }))),
    attempt(map(fieldName, (hint) => ({ hint }))),
  ),
);

type EmbedHead = Omit<SelectEmbed, 'select'>;

const embedOptions: Parser<Pick<SelectEmbed, 'hint' | 'join'>> = map(
  sequence<[EmbedOption | null, EmbedOption | null]>(optional(embedOption), optional(embedOption)),
  (options) => {
    const given = options.filter((item) => item !== null);
    const hint = given.find((item) => 'hint' in item)?.hint ?? null;
    const join = given.find((item) => 'join' in item)?.join ?? null;
    return { hint, join };
  },
);

const opensEmbed = attempt(peek(literal('(')));

const spreadHead: Parser<EmbedHead> = lexeme(
  before(
    map(
      sequence<[string, Pick<SelectEmbed, 'hint' | 'join'>]>(after(literal('...'), fieldName), embedOptions),
      ([target, options]): EmbedHead => ({ kind: 'embed', target, alias: null, spread: true, ...options }),
    ),
    opensEmbed,
  ),
);

/** `count()` is an aggregate, never an embed of a relation named count. */
const embedTarget: Parser<string> = chain(fieldName, (name) => (name === 'count' ? fail : succeed(name)));

const embedHead: Parser<EmbedHead> = lexeme(
  before(
    map(
      sequence<[string | null, string, Pick<SelectEmbed, 'hint' | 'join'>]>(alias, embedTarget, embedOptions),
      ([name, target, options]): EmbedHead => ({
        kind: 'embed',
        target,
        alias: name,
        spread: false,
        ...options,
      }),
    ),
    opensEmbed,
  ),
);

const embedKey: Parser<SelectEmbed> = before(
  map(
    sequence<[string | null, string, string | null]>(
      alias,
      fieldName,
      optional(after(character('!'), fieldName)),
    ),
    ([name, target, hint]): SelectEmbed => ({
      kind: 'embed',
      target,
      alias: name,
      hint,
      join: null,
      spread: false,
      select: [],
    }),
  ),
  endOfInput,
);

/** A key of a nested body as the embed that it names: `target`, `alias:target!hint`; null where it is none. */
export function parseEmbedKey(key: string): SelectEmbed | null {
  const result = run(embedKey, key);
  return 'value' in result ? result.value : null;
}

const cast: Parser<string | null> = optional(after(literal('::'), identifier));
const endOfField = endOfItem([')', ',']);

const aggregateName: Parser<AggregateFunction> = either<AggregateFunction>(
  map(literal('sum'), () => 'sum'),
  map(literal('avg'), () => 'avg'),
  map(literal('count'), () => 'count'),
  attempt(map(literal('max'), () => 'max')),
  attempt(map(literal('min'), () => 'min')),
);

const plain = { alias: null, cast: null, aggregate: null, aggregateCast: null };
const allColumns: Field = { name: '*', path: [] };

const star: Parser<SelectField> = before(
  map(literal('*'), (): SelectField => ({ kind: 'field', field: allColumns, ...plain })),
  endOfField,
);

const countOfRows: Parser<SelectField> = before(
  map(
    sequence<[string | null, string, string | null]>(alias, literal('count()'), cast),
    ([name, , aggregateCast]): SelectField => ({
      kind: 'field',
      field: allColumns,
      alias: name,
      cast: null,
      aggregate: 'count',
      aggregateCast,
    }),
  ),
  endOfField,
);

const column: Parser<SelectField> = before(
  map(
    sequence<[string | null, Field, string | null, AggregateFunction | null, string | null]>(
      alias,
      field,
      cast,
      optional(attempt(after(character('.'), before(aggregateName, literal('()'))))),
      cast,
    ),
    ([name, of, columnCast, aggregate, aggregateCast]): SelectField => ({
      kind: 'field',
      field: of,
      alias: name,
      cast: columnCast,
      aggregate,
      aggregateCast,
    }),
  ),
  endOfField,
);

const selectField: Parser<SelectField> = lexeme(either(attempt(star), attempt(countOfRows), column));

const embed = (head: Parser<EmbedHead>): Parser<SelectEmbed> =>
  chain(attempt(head), (opened) =>
    map(
      between(
        character('('),
        character(')'),
        lazy(() => selectList),
      ),
      (select): SelectEmbed => ({ ...opened, select }),
    ),
  );

/** A comma-separated list of select items; may be empty. */
export const selectList: Parser<SelectItem[]> = separatedBy(
  either<SelectItem>(embed(spreadHead), embed(embedHead), selectField),
  lexeme(character(',')),
);
