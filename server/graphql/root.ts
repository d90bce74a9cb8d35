/**
 * The root of an operation: its fields as steps, each a statement. The fields of a query are the columns of one
 * statement; those of a mutation run one after the other, each seeing what the one before has done.
 */
import type { GraphQLObjectType, OperationDefinitionNode } from 'graphql';
import { isObjectType, OperationTypeNode } from 'graphql';
import type { DocumentStep, RootValue, RowsPlan } from '../plan/document.ts';
import type { CallPlan } from '../plan/types.ts';
import { formOf } from './column-type.ts';
import { isNode, planEqualities } from './filter.ts';
import { meaningOf } from './meaning.ts';
import { type Table, tableOf } from './model.ts';
import type { NestedInsert } from './nested.ts';
import { parseNodeId } from './node-id.ts';
import { type Planner, refusal, type SlotReader } from './planner.ts';
import type { RoutineField } from './routine.ts';
import { planArguments, planConnection, planRecord, planRow } from './row.ts';
import { inputsOf, type Selected } from './selected.ts';
import { collectFields, selectionsOf } from './selection.ts';
import { planDelete, planInsert, planUpdate, planUpdateByKey, type WriteLimit } from './write.ts';

/** One statement, with what differs between two requests of one structure. */
export interface PlannedStep {
  readonly step: DocumentStep;
  readonly body: SlotReader | null;
  readonly atMost: WriteLimit | null;
  /** What is written before, by statements of its own; null = nothing. */
  readonly nested: NestedInsert | null;
  /** Functions that are called in it. */
  readonly routines: readonly RoutineField[];
}

/** A key of the answer's data. */
export type RootEntry =
  | { readonly key: string; readonly kind: 'text'; readonly text: string }
  /** GraphQL's own `__schema` and `__type`. */
  | { readonly key: string; readonly kind: 'introspection'; readonly field: string }
  | { readonly key: string; readonly kind: 'value'; readonly step: number; readonly column: number };

export interface PlannedRoot {
  readonly entries: readonly RootEntry[];
  readonly steps: readonly PlannedStep[];
}

const rowsOf = (table: Table, where: RowsPlan['where']): RowsPlan => ({
  source: { kind: 'relation', name: table.relation.name },
  joins: [],
  where,
});

function nodeValue(planner: Planner, selected: Selected): RootValue {
  const input = inputsOf(planner, selected).get('nodeId');
  const { schema, relation } = parseNodeId(input?.value);
  const table = tableOf(planner.model, { schema, name: relation });
  const type = table && planner.schema.getType(table.name);
  if (!input || !table || !isObjectType(type)) {
    throw refusal('Collection referenced by nodeId did not match any known collection');
  }
  const condition = isNode(planner, table, input);
  const members = planRow(planner, table, type, selectionsOf(selected.nodes));
  return { kind: 'record', record: { ...rowsOf(table, [condition]), members } };
}

function keyValue(planner: Planner, table: Table, selected: Selected): RootValue {
  const inputs = inputsOf(planner, selected);
  const pairs = table.key.map(({ field, column }) => {
    const input = inputs.get(field);
    if (!input) throw new Error(`validation let ${selected.definition.name} through without ${field}`);
    return [column.name, input] as const;
  });
  const rows = rowsOf(table, planEqualities(planner, table, pairs));
  return { kind: 'record', record: planRecord(planner, table, selected, rows) };
}

function callValue(planner: Planner, selected: Selected, field: RoutineField): RootValue {
  const given = planArguments(planner, field.arguments, inputsOf(planner, selected));
  const call: Pick<CallPlan, 'routine' | 'arguments'> = {
    routine: field.routine.name,
    arguments: given.length === 0 ? { kind: 'none' } : { kind: 'direct', parameters: given },
  };
  const { result } = field;
  if (result.kind === 'value') return { kind: 'scalar', scalar: { call, form: formOf(result.type) } };
  const source = { kind: 'call', call, rowType: result.table.relation.name } as const;
  const rows: RowsPlan = { source, joins: [], where: [] };
  return result.kind === 'record'
    ? { kind: 'record', record: planRecord(planner, result.table, selected, rows) }
    : { kind: 'connection', connection: planConnection(planner, result.table, selected, rows) };
}

function readValue(planner: Planner, selected: Selected): RootValue {
  const { meaning } = selected;
  switch (meaning.kind) {
    case 'collection': {
      const connection = planConnection(planner, meaning.table, selected, rowsOf(meaning.table, []));
      return { kind: 'connection', connection };
    }
    case 'by key':
      return keyValue(planner, meaning.table, selected);
    case 'by node id':
      return nodeValue(planner, selected);
    case 'call':
      return callValue(planner, selected, meaning.routine);
    default:
      throw new Error(`the field ${selected.definition.name} (${meaning.kind}) is out of its place`);
  }
}

function mutationStep(planner: Planner, selected: Selected): PlannedStep {
  const { meaning } = selected;
  switch (meaning.kind) {
    case 'insert': {
      const { write, ...rest } = planInsert(planner, meaning.table, selected);
      return { step: { kind: 'write', write }, routines: [], ...rest };
    }
    case 'update': {
      const { write, ...rest } = planUpdate(planner, meaning.table, selected);
      return { step: { kind: 'write', write }, routines: [], ...rest };
    }
    case 'update by key': {
      const { write, ...rest } = planUpdateByKey(planner, meaning.table, selected);
      return { step: { kind: 'write', write }, routines: [], ...rest };
    }
    case 'delete': {
      const { write, ...rest } = planDelete(planner, meaning.table, selected);
      return { step: { kind: 'write', write }, routines: [], ...rest };
    }
    default: {
      const routines = meaning.kind === 'call' ? [meaning.routine] : [];
      const step: DocumentStep = { kind: 'read', values: [readValue(planner, selected)] };
      return { step, body: null, atMost: null, nested: null, routines };
    }
  }
}

/** Plans the root of an operation that validation has let through. */
export function planRoot(
  planner: Planner,
  operation: OperationDefinitionNode,
  type: GraphQLObjectType,
): PlannedRoot {
  const isMutation = operation.operation === OperationTypeNode.MUTATION;
  const entries: RootEntry[] = [];
  const steps: PlannedStep[] = [];
  const values: RootValue[] = [];
  const routines: RoutineField[] = [];
  for (const [key, nodes] of collectFields(planner.scope, type, [operation.selectionSet])) {
    const field = nodes[0]?.name.value ?? '';
    const definition = type.getFields()[field];
    if (!definition) {
      entries.push(
        field === '__typename'
          ? { key, kind: 'text', text: type.name }
          : { key, kind: 'introspection', field },
      );
      continue;
    }
    const selected: Selected = { nodes, definition, meaning: meaningOf(definition) };
    if (isMutation) {
      entries.push({ key, kind: 'value', step: steps.length, column: 0 });
      steps.push(mutationStep(planner, selected));
    } else {
      entries.push({ key, kind: 'value', step: 0, column: values.length });
      if (selected.meaning.kind === 'call') routines.push(selected.meaning.routine);
      values.push(readValue(planner, selected));
    }
  }
  if (values.length > 0)
    steps.push({ step: { kind: 'read', values }, body: null, atMost: null, nested: null, routines });
  return { entries, steps };
}
