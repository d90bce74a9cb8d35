/**
 * Filters: the `filter` argument as conditions of the request AST. What is empty is no condition.
 */
import {
  type GraphQLInputObjectType,
  type GraphQLInputType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';
import { planLogic } from '../plan/fields.ts';
import type { PlannedLogic } from '../plan/types.ts';
import type { Comparison, Operand } from '../request/ast.ts';
import type { FilterOperator } from './filter-types.ts';
import { type Input, itemsOf, membersOf } from './input.ts';
import { inputMeaningOf, type Quantifier } from './meaning.ts';
import type { Table } from './model.ts';
import { parseNodeId } from './node-id.ts';
import { type Planner, refusal, slotOf } from './planner.ts';
import type { Reference } from './reference.ts';

/** Conditions that hold together. */
export const all = (
  operator: 'and' | 'or',
  children: readonly PlannedLogic[],
  negated = false,
): PlannedLogic => {
  const [only] = children;
  return only !== undefined && children.length === 1 && !negated
    ? only
    : { kind: 'logic', operator, negated, children };
};

const QUANTIFIABLE = {
  eq: 'eq',
  gt: 'gt',
  gte: 'gte',
  lt: 'lt',
  lte: 'lte',
  regex: 'match',
  iregex: 'imatch',
} as const;
const ARRAY = {
  neq: 'neq',
  contains: 'cs',
  containedBy: 'cd',
  overlaps: 'ov',
  strictlyLeft: 'sl',
  strictlyRight: 'sr',
  adjacent: 'adj',
} as const;
const PATTERN = { like: 'like', ilike: 'ilike', startsWith: 'starts with' } as const;

const isOf = <T extends object>(operators: T, operator: string): operator is keyof T & string =>
  Object.hasOwn(operators, operator);

/** What an operator of a filter asks of a value. */
export function comparisonOf(planner: Planner, operator: FilterOperator, input: Input): Comparison {
  if (operator === 'is') {
    if (input.value === null) throw refusal('The filter `is` takes NULL or NOT_NULL');
    return { kind: 'is', value: input.value === 'NULL' ? 'null' : 'not_null' };
  }
  const operand = slotOf(planner, input);
  if (isOf(QUANTIFIABLE, operator)) {
    return { kind: 'quantifiable', operator: QUANTIFIABLE[operator], quantifier: null, operand };
  }
  if (isOf(ARRAY, operator)) return { kind: 'simple', operator: ARRAY[operator], operand };
  if (isOf(PATTERN, operator)) return { kind: 'sql pattern', operator: PATTERN[operator], operand };
  if (operator === 'jsonPath') return { kind: 'json path', operand };
  if (operator === 'search') return { kind: 'full-text', operator: 'wfts', language: null, operand };
  return { kind: 'quantifiable', operator: 'eq', quantifier: 'any', operand };
}

const condition = (planner: Planner, table: Table, name: string, comparison: Comparison): PlannedLogic =>
  planLogic(planner.context, table.relation, {
    kind: 'filter',
    field: { name, path: [] },
    negated: false,
    comparison,
  });

const equals = (planner: Planner, table: Table, name: string, operand: Operand): PlannedLogic =>
  condition(planner, table, name, { kind: 'quantifiable', operator: 'eq', quantifier: null, operand });

/**
 * That a row has a key. Throws where the node id is of another table, or has another number of values.
 */
export function isNode(planner: Planner, table: Table, input: Input): PlannedLogic {
  const { schema, relation, key } = parseNodeId(input.value);
  const { name } = table.relation;
  if (schema !== name.schema || relation !== name.name) {
    throw refusal('nodeId belongs to a different collection');
  }
  if (key.length !== table.key.length) {
    throw refusal(`Primary key column count mismatch. Expected ${table.key.length}, provided ${key.length}`);
  }
  const children = table.key.map(({ column }, index) => {
    const operand = planner.slot((variables) => parseNodeId(input.read(variables)).key[index] ?? null);
    return equals(planner, table, column.name, operand);
  });
  return all('and', children);
}

const inner = (type: GraphQLInputType): GraphQLInputType =>
  isNonNullType(type) || isListType(type) ? inner(type.ofType) : type;

/** `some`, `every` and `none` of the rows that refer to this one, or the one row that it refers to. */
function relatedLogic(
  planner: Planner,
  { target, toOne, columns }: Reference,
  type: GraphQLInputType,
  input: Input,
): PlannedLogic[] {
  planner.touch(target.relation);
  const of = (filterType: GraphQLInputType, member: Input, quantifier: Quantifier): PlannedLogic[] => {
    const where = planFilter(planner, target, filterType, member);
    // all rows fulfil no conditions
    if (quantifier === 'every' && where.length === 0) return [];
    return [
      {
        kind: 'related',
        negated: quantifier !== 'some',
        relation: target.relation.name,
        alias: planner.alias(),
        joins: columns.map(([own, other]) => [other, own]),
        where,
        refuted: quantifier === 'every',
      },
    ];
  };
  if (toOne) return of(type, input, 'some');
  const quantified = inner(type);
  if (!isInputObjectType(quantified)) return [];
  const fields = quantified.getFields();
  return membersOf(input).flatMap(([name, member]) => {
    const field = fields[name];
    return field && member.value !== null ? of(field.type, member, name as Quantifier) : [];
  });
}

function filterLogic(
  planner: Planner,
  table: Table,
  type: GraphQLInputObjectType,
  input: Input,
): PlannedLogic[] {
  const fields = type.getFields();
  return membersOf(input).flatMap(([name, member]) => {
    const field = fields[name];
    if (!field || member.value === null) return [];
    const meaning = inputMeaningOf(field);
    switch (meaning.kind) {
      case 'column':
        return membersOf(member).map(([operator, operand]) =>
          condition(
            planner,
            table,
            meaning.column.column.name,
            comparisonOf(planner, operator as FilterOperator, operand),
          ),
        );
      case 'node id':
        return membersOf(member).map(([, id]) => isNode(planner, table, id));
      case 'related':
        return relatedLogic(planner, meaning.reference, field.type, member);
      case 'not': {
        const conditions = filterLogic(planner, table, type, member);
        return conditions.length === 0 ? [] : [all('and', conditions, true)];
      }
      case 'and':
      case 'or': {
        const children = itemsOf(member).flatMap((item) => {
          const conditions = filterLogic(planner, table, type, item);
          return conditions.length === 0 ? [] : [all('and', conditions)];
        });
        return children.length === 0 ? [] : [all(meaning.kind, children)];
      }
      default:
        throw new Error(`${name} (${meaning.kind}) is no condition on rows`);
    }
  });
}

/** The conditions that a `filter` argument means. */
export function planFilter(
  planner: Planner,
  table: Table,
  type: GraphQLInputType,
  input: Input | undefined,
): PlannedLogic[] {
  const filterType = inner(type);
  if (input === undefined || !isInputObjectType(filterType)) return [];
  return filterLogic(planner, table, filterType, input);
}

/** That columns have the values of inputs. */
export const planEqualities = (
  planner: Planner,
  table: Table,
  pairs: readonly (readonly [column: string, input: Input])[],
): PlannedLogic[] => pairs.map(([name, input]) => equals(planner, table, name, slotOf(planner, input)));
