/** Functions with their overloads, those of a row that can be embedded among them. */
import type { Catalog, ComputedRelationship, Routine } from '../server/catalog/types.ts';
import { nameKey, sameName } from '../server/names.ts';
import type { FunctionGroup, ModelFunction, TypeReference } from './model.ts';
import { isView, type TypeReader } from './type-reference.ts';

/** The functions of a schema by name; overloads with the fewest parameters first. */
export const buildFunctions = (
  catalog: Catalog,
  schema: string,
  read: TypeReader,
): readonly FunctionGroup[] => {
  const groups = new Map<string, ModelFunction[]>();
  const groupOf = (name: string): ModelFunction[] => {
    const group = groups.get(name) ?? [];
    groups.set(name, group);
    return group;
  };
  const computed = [...catalog.relationships.values()]
    .flat()
    .filter((one): one is ComputedRelationship => one.kind === 'computed' && one.routine.schema === schema);
  for (const overloads of catalog.routines.values()) {
    for (const routine of overloads) {
      if (routine.name.schema !== schema) continue;
      groupOf(routine.name.name).push(buildFunction(catalog, routine, computed, read));
    }
  }
  for (const relationship of computed) {
    const group = groupOf(relationship.routine.name);
    if (group.some(({ embeds }) => embeds?.source === relationship.source.name)) continue;
    group.push(buildEmbedded(catalog, relationship));
  }
  return [...groups]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, overloads]) => ({ schema, name, overloads }));
};

const buildFunction = (
  catalog: Catalog,
  routine: Routine,
  computed: readonly ComputedRelationship[],
  read: TypeReader,
): ModelFunction => {
  const parameters = routine.parameters.map(({ name, type, required }) => ({
    name,
    type: read(type),
    required,
  }));
  const [first] = parameters;
  const source = parameters.length === 1 && first?.type.kind === 'row' ? first.type.relation : null;
  const relationship =
    source === null
      ? undefined
      : computed.find((one) => sameName(one.routine, routine.name) && sameName(one.source, source));
  const returns = resultOf(routine, read);
  return {
    comment: routine.comment,
    parameters,
    returns,
    returnsSet: routine.returns.setOf,
    readOnly: routine.volatility !== 'volatile',
    rowsOf: rowsOf(catalog, returns, routine.name.schema),
    embeds:
      relationship === undefined ? null : { source: relationship.source.name, toOne: relationship.toOne },
    callable: true,
  };
};

/** Outputs make a record, a single one too. */
const resultOf = ({ returns }: Routine, read: TypeReader): TypeReference => {
  if (returns.outputs.length === 0) return read(returns.declaredType);
  const fields = returns.outputs.map(({ name, type }) => ({ name, comment: null, type: read(type) }));
  return { kind: 'record', fields };
};

const rowsOf = (catalog: Catalog, returns: TypeReference, schema: string): string | null =>
  returns.kind === 'row' &&
  returns.relation.schema === schema &&
  catalog.relations.has(nameKey(schema, returns.relation.name))
    ? returns.relation.name
    : null;

const rowType = (catalog: Catalog, relation: ComputedRelationship['source']): TypeReference => {
  const kind = catalog.relations.get(nameKey(relation.schema, relation.name))?.kind ?? '';
  return { kind: 'row', relation, of: isView(kind) ? 'view' : 'table' };
};

/** A function of an unnamed row, which requests cannot call. */
const buildEmbedded = (catalog: Catalog, relationship: ComputedRelationship): ModelFunction => {
  const returns = rowType(catalog, relationship.target);
  return {
    comment: null,
    parameters: [{ name: '', type: rowType(catalog, relationship.source), required: true }],
    returns,
    returnsSet: !relationship.toOne,
    readOnly: true,
    rowsOf: rowsOf(catalog, returns, relationship.routine.schema),
    embeds: { source: relationship.source.name, toOne: relationship.toOne },
    callable: false,
  };
};
