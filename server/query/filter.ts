/**
 * Fields, conditions and orders as SQL.
 */

import type {
  PlannedField,
  PlannedFilter,
  PlannedLogic,
  PlannedOrder,
  QualifiedColumn,
  RelatedCondition,
} from '../plan/types.ts';
import type { Comparison, FullTextOperator, JsonStep, ListOperand, Operand } from '../request/ast.ts';
import {
  castType,
  constant,
  type Fragment,
  fromCatalog,
  join,
  list,
  literal,
  name,
  nothing,
  parameter,
  qualified,
  sql,
} from './sql.ts';

/** A name under which columns are in scope. */
export interface Qualifier {
  readonly schema: string | null;
  readonly relation: string;
}

/** The qualifier as SQL. */
export const qualifier = ({ schema, relation }: Qualifier): Fragment =>
  schema === null ? name(relation) : sql`${name(schema)}.${name(relation)}`;

/** A qualified column, or all of them. */
export const column = (of: Qualifier, called: string): Fragment =>
  called === '*' ? sql`${qualifier(of)}.*` : sql`${qualifier(of)}.${name(called)}`;

/** A column of a join condition. */
export const qualifiedColumn = ({ schema, relation, column: called }: QualifiedColumn): Fragment =>
  column({ schema, relation }, called);

const jsonStep = ({ kind, value, asText }: JsonStep): Fragment => {
  const operand = kind === 'key' ? literal(value) : sql`${literal(value)}::int`;
  return asText ? sql`->>${operand}` : sql`->${operand}`;
};

/** The field without its representation. */
export function field(of: Qualifier, { name: called, path, toJson, fullRow }: PlannedField): Fragment {
  if (fullRow) return name(of.relation);
  if (path.length === 0) return column(of, called);
  const base = toJson ? sql`to_jsonb(${column(of, called)})` : column(of, called);
  return sql`${base}${join(path.map(jsonStep), nothing)}`;
}

/** A function of a domain representation applied to a value. */
export const transformed = (transform: string | null, value: Fragment): Fragment =>
  transform === null ? value : sql`${fromCatalog(transform)}(${value})`;

/** A cast that the request asks for. */
export const cast = (type: string | null, value: Fragment): Fragment =>
  type === null ? value : sql`cast(${value} as ${castType(type)})`;

const operandOf = (operand: Operand, form: 'text' | 'pattern' = 'text'): Fragment =>
  operand.kind === 'slot'
    ? parameter({ kind: 'slot', index: operand.index, form })
    : constant(form === 'pattern' ? operand.text.replaceAll('*', '%') : operand.text);

/** An array literal as PostgreSQL reads it, elements quoted. */
export const arrayLiteral = (items: readonly string[]): string =>
  `{${items.map((item) => `"${item.replace(/[\\"]/g, '\\$&')}"`).join(',')}}`;

/** The literal of an `in` list; a single empty item is an empty list. */
export const listLiteral = (items: readonly string[]): string =>
  items.length === 1 && items[0] === '' ? '{}' : arrayLiteral(items);

const listOperand = (operand: ListOperand): Fragment =>
  operand.kind === 'slot'
    ? parameter({ kind: 'slot', index: operand.index, form: 'list' })
    : constant(listLiteral(operand.items));

const SIMPLE = {
  neq: sql`<>`,
  cs: sql`@>`,
  cd: sql`<@`,
  ov: sql`&&`,
  sl: sql`<<`,
  sr: sql`>>`,
  nxr: sql`&<`,
  nxl: sql`&>`,
  adj: sql`-|-`,
} as const;

const QUANTIFIABLE = {
  eq: sql`=`,
  gte: sql`>=`,
  gt: sql`>`,
  lte: sql`<=`,
  lt: sql`<`,
  like: sql`like`,
  ilike: sql`ilike`,
  match: sql`~`,
  imatch: sql`~*`,
} as const;

const SQL_PATTERN = { like: sql`like`, ilike: sql`ilike`, 'starts with': sql`^@` } as const;

const FULL_TEXT: Readonly<Record<FullTextOperator, Fragment>> = {
  fts: sql`to_tsquery`,
  plfts: sql`plainto_tsquery`,
  phfts: sql`phraseto_tsquery`,
  wfts: sql`websearch_to_tsquery`,
};

const IS = {
  null: sql`null`,
  not_null: sql`not null`,
  true: sql`true`,
  false: sql`false`,
  unknown: sql`unknown`,
} as const;

const language = (text: string | null): Fragment => (text === null ? nothing : sql`${literal(text)}, `);

function comparison(found: Comparison, transform: string | null): Fragment {
  switch (found.kind) {
    case 'simple':
      return sql`${SIMPLE[found.operator]} ${transformed(transform, operandOf(found.operand))}`;
    case 'quantifiable': {
      const isPattern = found.operator === 'like' || found.operator === 'ilike';
      const value = isPattern
        ? operandOf(found.operand, 'pattern')
        : transformed(transform, operandOf(found.operand));
      const operator = QUANTIFIABLE[found.operator];
      if (found.quantifier === null) return sql`${operator} ${value}`;
      return found.quantifier === 'any' ? sql`${operator} any(${value})` : sql`${operator} all(${value})`;
    }
    case 'in': {
      const items = listOperand(found.list);
      if (transform === null) return sql`= any (${items})`;
      return sql`= any (select ${transformed(transform, sql`unnest(${items}::text[])`)})`;
    }
    case 'sql pattern':
      return sql`${SQL_PATTERN[found.operator]} ${operandOf(found.operand)}`;
    case 'json path':
      return sql`@? ${operandOf(found.operand)}`;
    case 'is':
      return sql`is ${IS[found.value]}`;
    case 'distinct':
      return sql`is distinct from ${transformed(transform, operandOf(found.operand))}`;
    case 'full-text':
      return sql`@@ ${FULL_TEXT[found.operator]}(${language(found.language)}${operandOf(found.operand)})`;
  }
}

function filter(of: Qualifier, found: PlannedFilter): Fragment {
  const plain = field(of, found.field);
  const lexemes = found.comparison.kind === 'full-text' ? language(found.comparison.language) : nothing;
  const left = found.toTsVector ? sql`to_tsvector(${lexemes}${plain})` : plain;
  const condition = sql`${left} ${comparison(found.comparison, found.field.transform)}`;
  return found.negated ? sql`not ${condition}` : condition;
}

/** How `embed=is.null` is written; counting does it without a join. */
export type NullEmbed = (embedAlias: string, negated: boolean) => Fragment;

const joinedNullEmbed: NullEmbed = (embedAlias, negated) =>
  negated
    ? sql`${name(embedAlias)} is distinct from null`
    : sql`${name(embedAlias)} is not distinct from null`;

/** A condition that is not known to hold counts as one that does not. */
function related(of: Qualifier, plan: RelatedCondition): Fragment {
  const own = { schema: null, relation: plan.alias };
  const conditions = plan.where.map((logic) => condition(own, logic));
  const held = plan.refuted ? [sql`(${join(conditions, sql` and `)}) is not true`] : conditions;
  const joins = plan.joins.map(([mine, outer]) => sql`${column(own, mine)} = ${column(of, outer)}`);
  const exists = sql`exists (select 1 from ${qualified(plan.relation)} ${name(plan.alias)}${where([...joins, ...held])})`;
  return plan.negated ? sql`not ${exists}` : exists;
}

/** A condition on the columns of a qualifier. */
export function condition(
  of: Qualifier,
  logic: PlannedLogic,
  nullEmbed: NullEmbed = joinedNullEmbed,
): Fragment {
  if (logic.kind === 'filter') return filter(of, logic);
  if (logic.kind === 'embed is null') return nullEmbed(logic.embedAlias, logic.negated);
  if (logic.kind === 'related') return related(of, logic);
  const children = logic.children.map((child) => condition(of, child, nullEmbed));
  const joined = sql`(${join(children, logic.operator === 'and' ? sql` and ` : sql` or `)})`;
  return logic.negated ? sql`not ${joined}` : joined;
}

/** ` where a and b`, or nothing. */
export const where = (conditions: readonly Fragment[]): Fragment =>
  conditions.length === 0 ? nothing : sql` where ${join(conditions, sql` and `)}`;

function orderTerm(of: Qualifier, { embedAlias, field: by, direction, nulls }: PlannedOrder): Fragment {
  const key = field(embedAlias === null ? of : { schema: null, relation: embedAlias }, by);
  const towards = direction === null ? nothing : direction === 'asc' ? sql` asc` : sql` desc`;
  const place = nulls === null ? nothing : nulls === 'first' ? sql` nulls first` : sql` nulls last`;
  return sql`${key}${towards}${place}`;
}

/** ` order by a, b desc`, or nothing. */
export const orderBy = (of: Qualifier, terms: readonly PlannedOrder[]): Fragment =>
  terms.length === 0 ? nothing : sql` order by ${list(terms.map((term) => orderTerm(of, term)))}`;
