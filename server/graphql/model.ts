/**
 * The catalog as GraphQL sees it, for one role (or for all that is exposed): tables with their fields, how they refer to each other, functions.
 * It decides about names and about what is shown; what may be done is PostgreSQL's to decide.
 */
import type { Catalog, Column, Relation } from '../catalog/types.ts';
import type { Judge } from '../catalog/visible.ts';
import { nameKey, type QualifiedName } from '../names.ts';
import { type ColumnType, createTypeOf, inflects, type TypeOf } from './column-type.ts';
import { countIn, type Directive, directiveOf, flagIn, isEnabledIn, textIn, textsIn } from './directive.ts';
import { columnField, isName, typeName } from './inflection.ts';

/** A column with its field. */
export interface TableColumn {
  readonly column: Column;
  readonly field: string;
  readonly type: ColumnType;
  readonly description: string | null;
  readonly selectable: boolean;
  readonly insertable: boolean;
  /** A sequence fills it where nobody does: pg_graphql lets nobody. */
  readonly assignable: boolean;
  readonly updatable: boolean;
}

/** A relation of which the role may read something. */
export interface Table {
  readonly relation: Relation;
  /** The name of its type, from which others are derived. */
  readonly name: string;
  readonly description: string | null;
  readonly inflect: boolean;
  readonly directive: Directive;
  /** All columns that GraphQL has a type for, in the table's order. */
  readonly columns: readonly TableColumn[];
  /** Empty = its rows can only be told apart by who gave them. */
  readonly key: readonly TableColumn[];
  /** Rows on a page at most, and where nothing is said. */
  readonly maxRows: number;
  readonly counts: boolean;
  readonly aggregates: boolean;
  readonly insertable: boolean;
  readonly updatable: boolean;
  readonly deletable: boolean;
}

/** What GraphQL schemas are built of. */
export interface Model {
  readonly catalog: Catalog;
  readonly judge: Judge;
  readonly typeOf: TypeOf;
  /** Those with a key, by nameKey, in the order of the exposed schemas. */
  readonly tables: ReadonlyMap<string, Table>;
  /** Those without one, likewise: functions over rows may give rows of them. */
  readonly keyless: ReadonlyMap<string, Table>;
}

/** Rows on a page where no directive says otherwise. */
export const DEFAULT_MAX_ROWS = 30;

export const tableOf = (model: Model, { schema, name }: QualifiedName): Table | undefined =>
  model.tables.get(nameKey(schema, name));

/** A column of the table by the name that PostgreSQL knows it by. */
export const columnOf = (table: Table, name: string): TableColumn | undefined =>
  table.columns.find(({ column }) => column.name === name);

/** The column behind a field; of several columns of one name the last has it. */
export const fieldColumn = (table: Table, field: string): TableColumn | undefined =>
  table.columns.findLast((item) => item.field === field);

/** Values of these come from sequences and generation: nobody writes them. */
const isGiven = ({ generated, identity, default: text }: Column): boolean =>
  generated !== null || identity !== null || (text?.startsWith('nextval(') ?? false);

/** The key that the relation has, or that its comment declares of columns that exist. */
function keyNames(relation: Relation, directive: Directive): readonly string[] {
  if (relation.ownKey.length > 0) return relation.ownKey;
  const declared = textsIn(directive, 'primary_key_columns') ?? [];
  return declared.every((name) => relation.columns.has(name)) ? declared : [];
}

function buildColumns(relation: Relation, inflect: boolean, judge: Judge, typeOf: TypeOf): TableColumn[] {
  const may = (column: Column, privilege: string): boolean =>
    judge.may(relation.grants, privilege) || judge.may(column.grants, privilege);
  return [...relation.columns.values()].flatMap((column) => {
    const type = typeOf(column.declaredType);
    if (type === null) return [];
    const directive = directiveOf(column.comment);
    const isWritten = !isGiven(column);
    const mayInsert = relation.insertable && may(column, 'INSERT');
    const isGenerated = column.generated !== null || column.identity === 'always';
    return [
      {
        column,
        field: textIn(directive, 'name') ?? columnField(column.name, inflect),
        type,
        description: textIn(directive, 'description'),
        selectable: may(column, 'SELECT'),
        insertable: isWritten && mayInsert,
        assignable: !isWritten && !isGenerated && mayInsert,
        updatable: isWritten && relation.updatable && may(column, 'UPDATE'),
      },
    ];
  });
}

function buildTable(catalog: Catalog, judge: Judge, typeOf: TypeOf, relation: Relation): Table | null {
  const { schema } = relation.name;
  const directive = directiveOf(relation.comment);
  const inflect = inflects(catalog, schema);
  const name = textIn(directive, 'name') ?? typeName(relation.name.name, inflect);
  const columns = buildColumns(relation, inflect, judge, typeOf);
  const names = keyNames(relation, directive);
  const key = names.flatMap((called) => columns.find(({ column }) => column.name === called) ?? []);
  const isComplete = key.length === names.length && key.every((item) => item.selectable);
  if (!isName(name) || !columns.some((item) => item.selectable)) return null;
  const schemaDirective = directiveOf(catalog.schemaComments.get(schema) ?? null);
  return {
    relation,
    name,
    description: textIn(directive, 'description'),
    inflect,
    directive,
    columns,
    key: isComplete ? key : [],
    maxRows: countIn(directive, 'max_rows') ?? countIn(schemaDirective, 'max_rows') ?? DEFAULT_MAX_ROWS,
    counts: isEnabledIn(directive, 'totalCount'),
    aggregates: isEnabledIn(directive, 'aggregate'),
    insertable: columns.some((item) => item.insertable),
    updatable: columns.some((item) => item.updatable),
    deletable: relation.deletable && judge.may(relation.grants, 'DELETE'),
  };
}

/** Builds the model. Of two relations whose types would have one name, that of the earlier schema has it. */
export function buildModel(catalog: Catalog, judge: Judge): Model {
  const typeOf = createTypeOf(catalog);
  const rank = new Map(catalog.schemas.map((schema, index) => [schema, index]));
  const relations = [...catalog.relations].toSorted(
    ([, a], [, b]) => (rank.get(a.name.schema) ?? 0) - (rank.get(b.name.schema) ?? 0),
  );
  const tables = new Map<string, Table>();
  const keyless = new Map<string, Table>();
  const taken = new Set<string>();
  for (const [key, relation] of relations) {
    if (!judge.mayUse(relation.name.schema)) continue;
    const table = buildTable(catalog, judge, typeOf, relation);
    if (table === null || taken.has(table.name)) continue;
    taken.add(table.name);
    (table.key.length > 0 ? tables : keyless).set(key, table);
  }
  return { catalog, judge, typeOf, tables, keyless };
}

/** Whether comments say that a schema is shown by introspection; null = they say nothing. */
export const isIntrospected = (catalog: Catalog, schema: string): boolean | null =>
  flagIn(directiveOf(catalog.schemaComments.get(schema) ?? null), 'introspection');
