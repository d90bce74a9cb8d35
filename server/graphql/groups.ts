/**
 * Groups: of the rows of a connection one for each combination of the values of some fields, with what there is to say
 * of its rows. They are a connection themselves, whose rows are made by a `group by`.
 */
import { type GraphQLInputObjectType, getNamedType, isInputObjectType } from 'graphql';
import type {
  ConnectionPlan,
  ConnectionValue,
  CountedRows,
  EdgeValue,
  GroupAggregate,
  RowMembers,
  RowValue,
} from '../plan/document.ts';
import { planField, planLogic } from '../plan/fields.ts';
import type { PageKey, PlannedLogic } from '../plan/types.ts';
import { formOf } from './column-type.ts';
import { all, comparisonOf } from './filter.ts';
import type { FilterOperator } from './filter-types.ts';
import { type Input, itemsOf, membersOf } from './input.ts';
import { type InputMeaning, inputMeaningOf } from './meaning.ts';
import { columnOf, type Table } from './model.ts';
import { planCursor } from './order.ts';
import { planPage } from './page-arguments.ts';
import { planPageInfo } from './page-info.ts';
import { type Planner, refusal } from './planner.ts';
import { below, inputsOf, type Selected, unexpected } from './selected.ts';

type Aggregate = Omit<GroupAggregate, 'name'>;

/** What groups are planned with. */
interface Grouping {
  readonly planner: Planner;
  readonly table: Table;
  readonly by: readonly string[];
  /** The column that an aggregate comes as; equal ones come once. */
  readonly nameOf: (aggregate: Aggregate) => string;
}

function createNames() {
  const aggregates: GroupAggregate[] = [];
  const nameOf = (wanted: Aggregate): string => {
    const known = aggregates.find(
      ({ function: called, column }) => called === wanted.function && column === wanted.column,
    );
    if (known) return known.name;
    const name = `pgrst_aggregate_${aggregates.length + 1}`;
    aggregates.push({ name, ...wanted });
    return name;
  };
  return { aggregates, nameOf };
}

const COUNT: Aggregate = { function: 'count', column: null };

const notGrouped = (field: string): Error =>
  refusal(`\`${field}\` is not grouped by`, 'Name it in the argument `by`, too.');

function keyValue({ by }: Grouping, selected: Selected): RowValue {
  const { meaning, definition } = selected;
  if (meaning.kind !== 'column') throw unexpected(selected);
  const { column, type } = meaning.column;
  if (!by.includes(column.name)) throw notGrouped(definition.name);
  return { kind: 'column', name: column.name, form: formOf(type) };
}

function aggregateValue(grouping: Grouping, selected: Selected): RowValue {
  const shown = (aggregate: Aggregate): RowValue => ({
    kind: 'column',
    name: grouping.nameOf(aggregate),
    form: { kind: 'plain' },
  });
  const { meaning } = selected;
  if (meaning.kind === 'count') return shown(COUNT);
  if (meaning.kind !== 'aggregated columns') throw unexpected(selected);
  const members = below(grouping.planner, selected, (inner) => {
    if (inner.meaning.kind !== 'aggregated') throw unexpected(inner);
    return shown({ function: meaning.aggregate, column: inner.meaning.column.column.name });
  });
  return { kind: 'object', members };
}

const groupMembers = (grouping: Grouping, node: Selected): RowMembers =>
  below(grouping.planner, node, (selected): RowValue => {
    const isKey = selected.meaning.kind === 'group key';
    const members = below(grouping.planner, selected, (inner) =>
      isKey ? keyValue(grouping, inner) : aggregateValue(grouping, inner),
    );
    return { kind: 'object', members };
  });

function connectionValue(grouping: Grouping, selected: Selected): ConnectionValue {
  const { planner } = grouping;
  switch (selected.meaning.kind) {
    case 'edges':
      return {
        kind: 'edges',
        members: below(planner, selected, (inner): EdgeValue => {
          if (inner.meaning.kind === 'cursor') return { kind: 'cursor' };
          return { kind: 'node', members: groupMembers(grouping, inner) };
        }),
      };
    case 'page info':
      return { kind: 'page info', members: below(planner, selected, planPageInfo) };
    case 'total count':
      return { kind: 'total count' };
    default:
      throw unexpected(selected);
  }
}

/** The members of an input object with what they mean; `null` says nothing. */
const saidIn = (type: GraphQLInputObjectType, input: Input) =>
  membersOf(input).flatMap(([name, member]) => {
    const field = type.getFields()[name];
    return field && member.value !== null ? [{ field, meaning: inputMeaningOf(field), member }] : [];
  });

/** The type of an input object's member that is one itself. */
function objectType(field: { readonly type: Parameters<typeof getNamedType>[0] }): GraphQLInputObjectType {
  const type = getNamedType(field.type);
  if (!isInputObjectType(type)) throw new Error(`${String(field.type)} is no input object`);
  return type;
}

/** The aggregates that an input object speaks of, each with what is said of it. */
function aggregatesIn(
  type: GraphQLInputObjectType,
  input: Input,
): readonly { readonly aggregate: Aggregate; readonly member: Input }[] {
  return saidIn(type, input).flatMap(({ field, meaning, member }) => {
    if (meaning.kind === 'count') return [{ aggregate: COUNT, member }];
    if (meaning.kind !== 'aggregated columns') return [];
    return saidIn(objectType(field), member).flatMap((inner) =>
      inner.meaning.kind === 'column'
        ? [
            {
              aggregate: { function: meaning.aggregate, column: inner.meaning.column.column.name },
              member: inner.member,
            },
          ]
        : [],
    );
  });
}

function havingLogic(grouping: Grouping, type: GraphQLInputObjectType, input: Input): PlannedLogic[] {
  const { planner, nameOf } = grouping;
  const own = aggregatesIn(type, input).flatMap(({ aggregate, member }) =>
    membersOf(member).map(([operator, operand]) =>
      planLogic(planner.context, undefined, {
        kind: 'filter',
        field: { name: nameOf(aggregate), path: [] },
        negated: false,
        comparison: comparisonOf(planner, operator as FilterOperator, operand),
      }),
    ),
  );
  const composed = saidIn(type, input).flatMap(({ meaning, member }): PlannedLogic[] => {
    if (meaning.kind === 'not') {
      const conditions = havingLogic(grouping, type, member);
      return conditions.length === 0 ? [] : [all('and', conditions, true)];
    }
    if (meaning.kind !== 'and' && meaning.kind !== 'or') return [];
    const children = itemsOf(member).flatMap((item) => {
      const conditions = havingLogic(grouping, type, item);
      return conditions.length === 0 ? [] : [all('and', conditions)];
    });
    return children.length === 0 ? [] : [all(meaning.kind, children)];
  });
  return [...own, ...composed];
}

interface Term {
  readonly name: string;
  readonly nullable: boolean;
  readonly direction: string;
}

const keyOf = ({ name, nullable, direction }: Term): PageKey => ({
  embedAlias: null,
  field: planField(undefined, { name, path: [] }),
  descending: direction.startsWith('Desc'),
  nullsFirst: direction.endsWith('First'),
  nullable,
  needsType: false,
});

/** The terms of one element of `orderBy`. */
function termsOf(grouping: Grouping, type: GraphQLInputObjectType, item: Input): Term[] {
  const { table, by, nameOf } = grouping;
  return saidIn(type, item).flatMap(({ field, meaning, member }): Term[] => {
    if (meaning.kind === 'aggregate') {
      return aggregatesIn(objectType(field), member).map(({ aggregate, member: direction }) => ({
        name: nameOf(aggregate),
        nullable: aggregate.column !== null,
        direction: String(direction.value),
      }));
    }
    return saidIn(objectType(field), member).flatMap((inner) => {
      const found: InputMeaning = inner.meaning;
      if (found.kind !== 'column') return [];
      const { name } = found.column.column;
      if (!by.includes(name)) throw notGrouped(inner.field.name);
      return [{ name, nullable: isNullable(table, name), direction: String(inner.member.value) }];
    });
  });
}

/** A view's column may be null whatever the catalog knows of it. */
const isNullable = (table: Table, name: string): boolean => {
  const { kind } = table.relation;
  const isStored = kind === 'table' || kind === 'partitioned table';
  return !isStored || columnOf(table, name)?.column.nullable !== false;
};

/** The order that was asked for, and the groups' keys after it, so that no two groups are equal in all. */
function planOrder(grouping: Grouping, type: GraphQLInputObjectType, input: Input | undefined): PageKey[] {
  const asked = (input ? itemsOf(input) : []).flatMap((item) => {
    const terms = termsOf(grouping, type, item);
    if (terms.length > 1) {
      throw refusal(
        'Each element of orderBy names one field',
        'Put each of them into an element of its own, in the order in which they count.',
      );
    }
    return terms;
  });
  const { table, by } = grouping;
  const rest = by.map((name) => ({ name, nullable: isNullable(table, name), direction: 'AscNullsLast' }));
  const terms = [...asked, ...rest];
  return terms
    .filter(({ name }, index) => terms.findIndex((other) => other.name === name) === index)
    .map(keyOf);
}

/** Groups of the rows of a connection. Throws GraphQLError for what types cannot forbid. */
export function planGroups(
  planner: Planner,
  table: Table,
  rows: CountedRows,
  selected: Selected,
): ConnectionPlan {
  const inputs = inputsOf(planner, selected);
  const by = [...new Set((inputs.get('by')?.value ?? []) as readonly string[])];
  if (by.length === 0) throw refusal('`by` must name at least one field');
  const { aggregates, nameOf } = createNames();
  const grouping: Grouping = { planner, table, by, nameOf };
  const typeOf = (wanted: string): GraphQLInputObjectType => {
    const argument = selected.definition.args.find(({ name }) => name === wanted);
    if (!argument) throw new Error(`${selected.definition.name} has no argument ${wanted}`);
    return objectType(argument);
  };
  const having = inputs.get('having');
  const keys = planOrder(grouping, typeOf('orderBy'), inputs.get('orderBy'));
  return {
    source: { kind: 'groups', of: rows, by, aggregates },
    joins: [],
    where: having ? havingLogic(grouping, typeOf('having'), having) : [],
    orderJoins: [],
    distinct: null,
    keys,
    ...planPage(planner, table, inputs, (cursor, direction) =>
      planCursor(planner, keys.length, cursor, direction),
    ),
    members: below(planner, selected, (inner) => connectionValue(grouping, inner)),
  };
}
