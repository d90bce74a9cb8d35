/** A read in the grammar of REST, quoted by its rules (documentation: URL grammar, reserved characters). */
import type { Condition, Field, Item, Logic, Question, Read, Term } from './ast.ts';
import { isEmbed, nameOf } from './ast.ts';

const quoted = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`;

/** Names and values go without quotes where nothing in them could be taken for grammar. */
const name = (text: string): string => (/^[\p{L}_][\p{L}\d_]*$/u.test(text) ? text : quoted(text));
const value = (text: string): string => (/^[\p{L}\d_%*-]+$/u.test(text) ? text : quoted(text));

const field = ({ column, path }: Field): string =>
  name(column.name) +
  path.map(({ to, asText }) => `${asText ? '->>' : '->'}${typeof to === 'number' ? to : name(to)}`).join('');

const cast = (type: string | null): string => (type === null ? '' : `::${type}`);

function item(of: Item): string {
  switch (of.kind) {
    case 'star':
      return '*';
    case 'count':
      return `${of.alias === null ? '' : `${of.alias}:`}count()${cast(of.cast)}`;
    case 'field': {
      const aggregate = of.aggregate === null ? '' : `.${of.aggregate}()${cast(of.aggregateCast)}`;
      return `${of.alias === null ? '' : `${of.alias}:`}${field(of.field)}${cast(of.cast)}${aggregate}`;
    }
    case 'embed': {
      const { relationship, alias, spread, inner, empty, read } = of;
      const hint = relationship.hint === null ? '' : `!${relationship.hint}`;
      const head = `${spread ? '...' : ''}${alias === null ? '' : `${alias}:`}${relationship.name}`;
      return `${head}${hint}${inner ? '!inner' : ''}(${empty ? '' : read.items.map(item).join(',')})`;
    }
  }
}

const not = (negated: boolean): string => (negated ? 'not.' : '');

/** An array's literal as PostgreSQL reads it. */
const array = (items: readonly string[]): string => `{${items.map(quoted).join(',')}}`;

function comparison(
  { negated, operator, modifier, language, value: found }: Condition,
  inTree: boolean,
): string {
  const brackets = modifier ?? language;
  const head = `${not(negated)}${operator}${brackets === null ? '' : `(${brackets})`}.`;
  if (operator === 'in' && typeof found !== 'string') return `${head}(${found.map(value).join(',')})`;
  if (operator === 'is') return `${head}${String(found)}`;
  const text = typeof found === 'string' ? found : array(found);
  return head + (inTree ? value(text) : text);
}

const embedName = (read: Read, index: number): string => {
  const embed = read.items[index];
  if (!embed || !isEmbed(embed)) throw new Error(`item ${index} is no embed`);
  return nameOf(embed);
};

const nullWords = (negated: boolean, word: boolean): string =>
  word ? `is.${negated ? 'not_null' : 'null'}` : `${not(negated)}is.null`;

function branch(read: Read, of: Logic): string {
  switch (of.kind) {
    case 'condition':
      return `${field(of.field)}.${comparison(of, true)}`;
    case 'null embed':
      return `${embedName(read, of.embed)}.${nullWords(of.negated, of.word)}`;
    case 'tree':
      return `${not(of.negated)}${of.operator}(${of.children.map((child) => branch(read, child)).join(',')})`;
  }
}

/** A condition as the key and the value of a parameter. */
function parameter(read: Read, of: Logic): [key: string, value: string] {
  switch (of.kind) {
    case 'condition':
      return [field(of.field), comparison(of, false)];
    case 'null embed':
      return [embedName(read, of.embed), nullWords(of.negated, of.word)];
    case 'tree':
      return [
        `${not(of.negated)}${of.operator}`,
        `(${of.children.map((child) => branch(read, child)).join(',')})`,
      ];
  }
}

function term(read: Read, { embed, field: by, direction, nulls }: Term): string {
  const column = embed === null ? field(by) : `${embedName(read, embed)}(${field(by)})`;
  return `${column}${direction === null ? '' : `.${direction}`}${nulls === null ? '' : `.nulls${nulls}`}`;
}

function parameters(read: Read, prefix: string): [key: string, value: string][] {
  const own: [string, string][] = [
    ...read.where.map((of) => parameter(read, of)),
    ...(read.order.length === 0
      ? []
      : [['order', read.order.map((of) => term(read, of)).join(',')] as [string, string]]),
    ...(read.limit === null ? [] : [['limit', String(read.limit)] as [string, string]]),
    ...(read.offset === 0 ? [] : [['offset', String(read.offset)] as [string, string]]),
  ];
  return [
    ...own.map(([key, written]): [string, string] => [prefix + key, written]),
    ...read.items.filter(isEmbed).flatMap((embed) => parameters(embed.read, `${prefix}${nameOf(embed)}.`)),
  ];
}

const TYPES = {
  array: 'application/json',
  object: 'application/vnd.pgrst.object+json',
  'stripped array': 'application/vnd.pgrst.array+json;nulls=stripped',
  'stripped object': 'application/vnd.pgrst.object+json;nulls=stripped',
} as const;

/** The path with its query, not yet encoded, for people to read; `pathOf` is what is sent. */
export function pairsOf({ read, byRange }: Question): [key: string, value: string][] {
  const root = byRange ? { ...read, limit: null, offset: 0 } : read;
  return [['select', read.items.map(item).join(',')], ...parameters(root, '')];
}

/** The path with its query. */
export const pathOf = (question: Question): string =>
  `/${question.read.table.name}?${pairsOf(question)
    .map((pair) => pair.map(encodeURIComponent).join('='))
    .join('&')}`;

/** The headers that belong to it. */
export function headersOf({ read, format, counts, byRange }: Question): Record<string, string> {
  const last = read.limit === null ? '' : read.offset + read.limit - 1;
  return {
    Accept: TYPES[format],
    ...(counts ? { Prefer: 'count=exact' } : {}),
    ...(byRange ? { Range: `${read.offset}-${last}`, 'Range-Unit': 'items' } : {}),
  };
}
