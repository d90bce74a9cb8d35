/**
 * Arguments and what is in them. An input is a value in the request at hand together with the way to the same value
 * in any other request of the same structure, so that what is planned for one serves all of them: only its structure
 * may decide over the plan, its leaves become slots.
 */
import {
  type ArgumentNode,
  type GraphQLArgument,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  Kind,
  type ObjectValueNode,
  type ValueNode,
  valueFromAST,
} from 'graphql';

/** Coerced variables by name; those that were not given and have no default are not there. */
export type Variables = Readonly<Record<string, unknown>>;

export interface Input {
  /** The coerced value in the request at hand; undefined = absent. */
  readonly value: unknown;
  readonly read: (variables: Variables) => unknown;
  /** Its value is written in the document itself. */
  readonly isFixed: boolean;
  /** Of an object or list in the document. */
  readonly members: ReadonlyMap<string, Input> | null;
  readonly items: readonly Input[] | null;
}

const leaf = (value: unknown, read: Input['read'], isFixed: boolean): Input => ({
  value,
  read,
  isFixed,
  members: null,
  items: null,
});

const fixed = (value: unknown): Input => leaf(value, () => value, true);

function objectInput(node: ObjectValueNode, type: GraphQLInputObjectType, variables: Variables): Input {
  const members = new Map<string, Input>();
  for (const { name, type: of, defaultValue } of Object.values(type.getFields())) {
    const given = node.fields.find((field) => field.name.value === name);
    const input = given && inputOf(given.value, of, variables);
    if (input !== undefined && input.value !== undefined) members.set(name, input);
    else if (defaultValue !== undefined) members.set(name, fixed(defaultValue));
  }
  const read = (from: Variables): unknown =>
    Object.fromEntries([...members].map(([name, input]) => [name, input.read(from)]));
  const isFixed = [...members.values()].every((input) => input.isFixed);
  return { value: read(variables), read, isFixed, members, items: null };
}

function listInput(nodes: readonly ValueNode[], type: GraphQLInputType, variables: Variables): Input {
  const items = nodes.map((node) => {
    const input = inputOf(node, type, variables);
    return input.value === undefined ? leaf(null, () => null, false) : input;
  });
  const read = (from: Variables): unknown => items.map((input) => input.read(from));
  const isFixed = items.every((input) => input.isFixed);
  return { value: read(variables), read, isFixed, members: null, items };
}

/** The input of a value node that validation has let through. */
export function inputOf(node: ValueNode, type: GraphQLInputType, variables: Variables): Input {
  if (isNonNullType(type)) return inputOf(node, type.ofType, variables);
  if (node.kind === Kind.VARIABLE) {
    const name = node.name.value;
    return leaf(variables[name], (from) => from[name], false);
  }
  if (node.kind === Kind.NULL) return fixed(null);
  if (isListType(type))
    return listInput(node.kind === Kind.LIST ? node.values : [node], type.ofType, variables);
  if (isInputObjectType(type) && node.kind === Kind.OBJECT) return objectInput(node, type, variables);
  return fixed(valueFromAST(node, type));
}

/** Arguments by name, with the schema's defaults; those that are absent are not there. */
export function argumentsOf(
  nodes: readonly ArgumentNode[],
  defined: readonly GraphQLArgument[],
  variables: Variables,
): ReadonlyMap<string, Input> {
  const found = new Map<string, Input>();
  for (const { name, type, defaultValue } of defined) {
    const node = nodes.find((each) => each.name.value === name);
    const input = node ? inputOf(node.value, type, variables) : null;
    if (input !== null && input.value !== undefined) found.set(name, input);
    else if (defaultValue !== undefined) found.set(name, fixed(defaultValue));
  }
  return found;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The members of an object; none of null. */
export function membersOf(input: Input): readonly (readonly [name: string, input: Input])[] {
  if (input.members) return [...input.members];
  const { value, read } = input;
  if (!isRecord(value)) return [];
  return Object.keys(value)
    .filter((name) => value[name] !== undefined)
    .map((name) => {
      const member = (from: Variables): unknown => (read(from) as Readonly<Record<string, unknown>>)[name];
      return [name, leaf(value[name], member, false)] as const;
    });
}

/** The items of a list; none of null. */
export function itemsOf(input: Input): readonly Input[] {
  if (input.items) return input.items;
  const { value, read } = input;
  if (!Array.isArray(value)) return [];
  return value.map((item: unknown, index) =>
    leaf(item, (from) => (read(from) as readonly unknown[])[index], false),
  );
}

/** What of leaves and rows belongs to a structure. */
export interface StructureRules {
  /** Objects that are written as rows: only which names they have counts. */
  readonly isRow: (type: GraphQLInputType) => boolean;
  /** What a leaf's text decides over the plan. */
  readonly ofLeaf: (type: GraphQLInputType, value: unknown) => string;
  /** What a list of leaves decides. */
  readonly ofList: (type: GraphQLInputType, values: readonly unknown[]) => string;
}

/**
 * The structure of a variable's value: two values of one structure lead to the same plan. Enums are a part of it
 * (orders, null tests), of other leaves only what the rules say; the number of items of lists of leaves is not.
 */
export function structureOf(type: GraphQLInputType, value: unknown, rules: StructureRules): string {
  if (isNonNullType(type)) return structureOf(type.ofType, value, rules);
  if (value === undefined) return '-';
  if (value === null) return '~';
  if (isEnumType(type)) return JSON.stringify(value);
  if (rules.isRow(type)) return namesOfRows([value as object]).key;
  if (isListType(type)) {
    const items = value as readonly unknown[];
    const of = isNonNullType(type.ofType) ? type.ofType.ofType : type.ofType;
    if (rules.isRow(of)) return namesOfRows(items as readonly object[]).key;
    if (isInputObjectType(of)) return `[${items.map((item) => structureOf(of, item, rules)).join()}]`;
    return rules.ofList(of, items);
  }
  if (!isInputObjectType(type)) return rules.ofLeaf(type, value);
  const fields = type.getFields();
  const members = Object.entries(value).map(([name, member]) => {
    const field = fields[name];
    return `${name}:${field ? structureOf(field.type, member, rules) : ''}`;
  });
  return `{${members.join()}}`;
}

/** The names that rows have, whether all have the same, and the structure that this is. */
export function namesOfRows(rows: readonly object[]) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const isMixed = rows.some((row) => Object.keys(row).length !== names.length);
  return { names, isMixed, key: `(${rows.length === 0 ? 'none' : names.join()}${isMixed ? ' mixed' : ''})` };
}
