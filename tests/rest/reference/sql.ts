/**
 * A read as plain SQL: every embed is a correlated subquery that builds its JSON, every value a literal. Nothing is
 * optimised, nothing shared with the server.
 */
import pg from 'pg';
import type { Condition, EmbedItem, Field, Item, Logic, Question, Read, Term } from './ast.ts';
import { isEmbed, isGrouped, keyOf, nameOf } from './ast.ts';

const literal = (text: string): string => pg.escapeLiteral(text);
const name = (text: string): string => pg.escapeIdentifier(text);

/** What a query is written with. */
interface Writer {
  /** A name for a row, no two the same. */
  readonly name: () => string;
  /** A value of the request. */
  readonly value: (text: string) => string;
}

const createWriter = (value: (text: string) => string): Writer => {
  let count = 0;
  return { name: () => `t${++count}`, value };
};

function field(row: string, { column, path }: Field): string {
  const own = column.computed ? `${name(column.name)}(${row})` : `${row}.${name(column.name)}`;
  const base = path.length > 0 && column.kind !== 'json' ? `to_jsonb(${own})` : own;
  return (
    base +
    path
      .map(({ to, asText }) => `${asText ? '->>' : '->'}${typeof to === 'number' ? to : literal(to)}`)
      .join('')
  );
}

const cast = (type: string | null, value: string): string =>
  type === null ? value : `cast(${value} as ${type})`;

const SYMBOLS: Readonly<Record<string, string>> = {
  eq: '=',
  neq: '<>',
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
  like: 'like',
  ilike: 'ilike',
  match: '~',
  imatch: '~*',
  isdistinct: 'is distinct from',
  cs: '@>',
  cd: '<@',
  ov: '&&',
  sl: '<<',
  sr: '>>',
  nxr: '&<',
  nxl: '&>',
  adj: '-|-',
};

const SEARCHES: Readonly<Record<string, string>> = {
  fts: 'to_tsquery',
  plfts: 'plainto_tsquery',
  phfts: 'phraseto_tsquery',
  wfts: 'websearch_to_tsquery',
};

function comparison(to: Writer, row: string, of: Condition): string {
  const left = field(row, of.field);
  const { operator, value } = of;
  if (operator === 'is') return `${left} is ${String(value).replace('_', ' ')}`;
  if (operator === 'in' && typeof value !== 'string') {
    return value.length === 0 ? 'false' : `${left} in (${value.map(to.value).join(', ')})`;
  }
  const search = SEARCHES[operator];
  if (search !== undefined) {
    const language = of.language === null ? '' : `${literal(of.language)}, `;
    const isVector = of.field.column.kind === 'lexemes';
    const lexemes = isVector ? left : `to_tsvector(${language}${left})`;
    return `${lexemes} @@ ${search}(${language}${to.value(String(value))})`;
  }
  const isPattern = operator === 'like' || operator === 'ilike';
  const written = (text: string): string => to.value(isPattern ? text.replaceAll('*', '%') : text);
  if (typeof value === 'string') return `${left} ${SYMBOLS[operator]} ${written(value)}`;
  // any and all, spelt out
  const each = value.map((one) => `${left} ${SYMBOLS[operator]} ${written(one)}`);
  return of.modifier === 'any' ? `(${each.join(' or ') || 'false'})` : `(${each.join(' and ') || 'true'})`;
}

const not = (negated: boolean, sql: string): string => (negated ? `not (${sql})` : sql);

function logic(to: Writer, read: Read, row: string, of: Logic): string {
  switch (of.kind) {
    case 'condition':
      return not(of.negated, comparison(to, row, of));
    case 'null embed':
      return not(!of.negated, existing(to, embedAt(read, of.embed), row));
    case 'tree':
      return not(
        of.negated,
        of.children.map((child) => `(${logic(to, read, row, child)})`).join(` ${of.operator} `),
      );
  }
}

function embedAt(read: Read, index: number): EmbedItem {
  const embed = read.items[index];
  if (!embed || !isEmbed(embed)) throw new Error(`item ${index} is no embed`);
  return embed;
}

/** Whether an embed has rows. */
const existing = (to: Writer, embed: EmbedItem, parent: string): string =>
  `exists (${bodies(to, embed.read, { embed, parent })})`;

/** What a row has for a key of the answer. */
interface Value {
  readonly key: string;
  readonly sql: string;
  readonly item: Item | null;
  readonly aggregate: string | null;
  readonly aggregateCast: string | null;
}

const plain = (key: string, sql: string, item: Item | null): Value => ({
  key,
  sql,
  item,
  aggregate: null,
  aggregateCast: null,
});

const values = (to: Writer, read: Read, row: string): Value[] =>
  read.items.flatMap((item) => valuesOf(to, read, row, item));

function valuesOf(to: Writer, read: Read, row: string, item: Item): Value[] {
  switch (item.kind) {
    case 'star':
      return read.table.columns
        .filter(({ computed }) => !computed)
        .map((column) => plain(column.name, field(row, { column, path: [] }), null));
    case 'count':
      return [{ key: keyOf(item), sql: '1', item, aggregate: 'count', aggregateCast: item.cast }];
    case 'field': {
      const { aggregate, aggregateCast } = item;
      const sql = cast(item.cast, field(row, item.field));
      return [{ key: keyOf(item), sql, item, aggregate, aggregateCast }];
    }
    case 'embed':
      if (item.empty) return [];
      if (item.spread) return spread(to, item, row);
      return [plain(nameOf(item), embedded(to, item, row), item)];
  }
}

/** The object or the list of objects of an embed. */
function embedded(to: Writer, embed: EmbedItem, parent: string): string {
  const rows = bodies(to, embed.read, { embed, parent });
  return embed.relationship.toOne
    ? `(${rows})`
    : `(select coalesce(jsonb_agg(q.body), '[]') from (${rows}) q)`;
}

/** The values of a spread: of the one row, or lists of those of all rows. */
function spread(to: Writer, embed: EmbedItem, parent: string): Value[] {
  const row = to.name();
  return values(to, embed.read, row).map((value) => {
    const rows = `select ${value.sql} as v from ${from(to, embed.read, row, { embed, parent })}${order(to, embed.read, row)}`;
    const sql = embed.relationship.toOne
      ? `(${rows})`
      : `(select coalesce(jsonb_agg(q.v), '[]') from (${rows}) q)`;
    return { ...value, item: null, sql };
  });
}

interface Place {
  readonly embed: EmbedItem;
  readonly parent: string;
}

/** The table with all conditions. */
function from(to: Writer, read: Read, row: string, place: Place | null): string {
  const conditions = [
    ...(place === null ? [] : [place.embed.relationship.on(place.parent, row)]),
    ...read.where.map((of) => logic(to, read, row, of)),
    ...read.items
      .filter(isEmbed)
      .filter(({ inner }) => inner)
      .map((embed) => existing(to, embed, row)),
  ];
  return `${name(read.table.name)} ${row}${
    conditions.length === 0 ? '' : ` where ${conditions.map((condition) => `(${condition})`).join(' and ')}`
  }`;
}

const towards = ({ direction, nulls }: Term): string =>
  `${direction === null ? '' : ` ${direction}`}${nulls === null ? '' : ` nulls ${nulls}`}`;

/** A term's value: of the row, or of the one row that is embedded. */
function termValue(to: Writer, read: Read, row: string, term: Term): string {
  if (term.embed === null) return field(row, term.field);
  const embed = embedAt(read, term.embed);
  const other = to.name();
  return `(select ${field(other, term.field)} from ${from(to, embed.read, other, { embed, parent: row })})`;
}

const bounds = ({ limit, offset }: Read): string =>
  `${limit === null ? '' : ` limit ${limit}`}${offset === 0 ? '' : ` offset ${offset}`}`;

function order(to: Writer, read: Read, row: string): string {
  const terms = read.order.map((term) => termValue(to, read, row, term) + towards(term));
  return `${terms.length === 0 ? '' : ` order by ${terms.join(', ')}`}${bounds(read)}`;
}

const object = (pairs: readonly (readonly [key: string, sql: string])[]): string =>
  `jsonb_build_object(${pairs.flatMap(([key, sql]) => [literal(key), sql]).join(', ')})`;

/** A query for the rows of a read, each as one object `body`. */
function bodies(to: Writer, read: Read, place: Place | null): string {
  const row = to.name();
  const found = values(to, read, row);
  if (!isGrouped(read)) {
    const pairs = found.map(({ key, sql }) => [key, sql] as const);
    return `select ${object(pairs)} as body from ${from(to, read, row, place)}${order(to, read, row)}`;
  }
  const group = to.name();
  const columns = found.map(({ sql }, index) => `${sql} as v${index}`);
  const pairs = found.map(({ key, aggregate, aggregateCast }, index) => {
    const value = `${group}.v${index}`;
    return [key, aggregate === null ? value : cast(aggregateCast, `${aggregate}(${value})`)] as const;
  });
  const keys = found.flatMap(({ aggregate }, index) => (aggregate === null ? [`${group}.v${index}`] : []));
  const terms = read.order.map((term) => `${group}.v${groupedColumn(found, term)}${towards(term)}`);
  return (
    `select ${object(pairs)} as body from (select ${columns.join(', ')} from ${from(to, read, row, place)}) ${group}` +
    `${keys.length === 0 ? '' : ` group by ${keys.join(', ')}`}` +
    `${terms.length === 0 ? '' : ` order by ${terms.join(', ')}`}${bounds(read)}`
  );
}

/** Which of the selected columns a term of grouped rows means. */
function groupedColumn(found: readonly Value[], term: Term): number {
  const index = found.findIndex(
    ({ item, aggregate }) =>
      item?.kind === 'field' && item.cast === null && aggregate === null && item.field === term.field,
  );
  if (index < 0) throw new Error('a term is not among the columns of its group');
  return index;
}

/** All rows as one list, and how many there are without limit and offset. */
function query(to: Writer, read: Read): string {
  const rows = bodies(to, read, null);
  const all = bodies(to, { ...read, order: [], limit: null, offset: 0 }, null);
  return (
    `select (select coalesce(jsonb_agg(q.body), '[]') from (${rows}) q)::text as rows,\n` +
    `  (select count(*) from (${all}) q)::int as total`
  );
}

/** The query with values as literals. */
export const sqlOf = ({ read }: Question): string => query(createWriter(literal), read);

/** The query with values as parameters, which PostgreSQL reads after it has checked all types. */
export function parametersOf({ read }: Question): { text: string; values: string[] } {
  const values: string[] = [];
  const text = query(
    createWriter((value) => `$${values.push(value)}`),
    read,
  );
  return { text, values };
}
