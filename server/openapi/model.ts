/**
 * What of one schema a role may see and use, as both documents print it. The catalog has been narrowed by grants
 * (catalog/visible.ts); what `require-rls` keeps from the role is left out here, with everything that leads to it.
 */
import { isServable } from '../catalog/protection.ts';
import {
  type Catalog,
  type Column,
  type ComputedColumn,
  isToOne,
  type Relation,
  type Relationship,
  type Routine,
  representationKey,
} from '../catalog/types.ts';
import { type ColumnAccess, columnAccessOf, visibleTo } from '../catalog/visible.ts';
import { nameKey, type QualifiedName, sameName } from '../names.ts';

export interface ModelOptions {
  readonly role: string;
  readonly schema: string;
  /** Whether the role's grants narrow what is described. */
  readonly followPrivileges: boolean;
  /** `require-rls`. */
  readonly requireRls: 'enforce' | 'warn' | 'off';
}

/** A schema as a role sees it, everything in the catalog's order. */
export interface ApiModel {
  readonly schema: string;
  /** All exposed schemas; the first is the default. */
  readonly schemas: readonly string[];
  readonly comment: string | null;
  readonly relations: readonly DescribedRelation[];
  /** Overloads of one name together, fewest parameters first. */
  readonly routines: readonly (readonly [Routine, ...Routine[]])[];
  /** What names of types stand for. */
  readonly types: Catalog['types'];
  /** Media types that users gave a relation or a function. */
  readonly mediaTypesOf: (name: QualifiedName) => readonly string[];
  /** Whether a domain has a JSON form of its own, which then is unknown. */
  readonly hasOwnJson: (type: string) => boolean;
}

export interface DescribedRelation {
  readonly relation: Relation;
  /** Whether the role may read any of its columns. */
  readonly readable: boolean;
  readonly columns: readonly DescribedColumn[];
  readonly computedColumns: readonly ComputedColumn[];
  /** Keys as sources, for notes. */
  readonly relationships: readonly Relationship[];
  readonly embeds: readonly Embed[];
}

export interface DescribedColumn {
  readonly column: Column;
  /** Whether a row may have null there: in a view whatever its domain says, since an outer join asks no domain. */
  readonly nullable: boolean;
  readonly access: ColumnAccess;
  readonly isKey: boolean;
}

/** What `select` can put into a row, under one name. */
export interface Embed {
  readonly name: string;
  readonly target: QualifiedName;
  /** Null = depends on which of several relationships is meant. */
  readonly toOne: boolean | null;
  /** What tells several relationships to one target apart; empty = there is one. */
  readonly hints: readonly string[];
}

const ALL: ColumnAccess = { select: true, insert: true, update: true };

/** Describes a schema of the catalog for a role. */
export function buildModel(catalog: Catalog, options: ModelOptions): ApiModel {
  const { role, schema, followPrivileges, requireRls } = options;
  const shown = followPrivileges ? visibleTo(catalog, role) : catalog;
  const known = catalog.roles.get(role);
  const isServed = (relation: Relation | undefined): relation is Relation =>
    relation !== undefined && (requireRls !== 'enforce' || isServable(relation, known));
  const relationNamed = ({ schema: of, name }: QualifiedName): Relation | undefined => {
    const relation = shown.relations.get(nameKey(of, name));
    return isServed(relation) ? relation : undefined;
  };
  const accessOf = followPrivileges ? columnAccessOf(catalog, role) : () => ALL;
  const describe = (relation: Relation): DescribedRelation => {
    const isView = relation.kind === 'view' || relation.kind === 'materialized view';
    const columns = [...relation.columns.values()].map((column) => ({
      column,
      nullable: column.nullable || isView,
      access: accessOf(relation, column),
      isKey: relation.primaryKey.includes(column.name),
    }));
    const { name } = relation;
    const relationships = (shown.relationships.get(nameKey(name.schema, name.name)) ?? []).filter(
      (relationship) =>
        relationNamed(relationship.target) !== undefined &&
        (relationship.kind !== 'many-to-many' || relationNamed(relationship.junction) !== undefined),
    );
    return {
      relation,
      readable: columns.some(({ access }) => access.select),
      columns,
      computedColumns: [...relation.computedColumns.values()],
      relationships,
      embeds: buildEmbeds(relationships, schema),
    };
  };
  const routines = [...shown.routines.values()].flatMap(([first, ...others]) =>
    first === undefined || first.name.schema !== schema
      ? []
      : [[first, ...others] as const satisfies readonly Routine[]],
  );
  return {
    schema,
    schemas: catalog.schemas,
    comment: catalog.schemaComments.get(schema) ?? null,
    relations: [...shown.relations.values()]
      .filter((relation) => relation.name.schema === schema && isServed(relation))
      .map(describe),
    routines,
    types: catalog.types,
    mediaTypesOf: (name) =>
      catalog.mediaHandlers
        .filter(({ target }) => sameName(target, name))
        .map(({ resolvedMediaType }) => resolvedMediaType),
    hasOwnJson: (type) => catalog.representations.has(representationKey(type, 'json')),
  };
}

/** What can stand behind `!` to mean this relationship. */
const hintOf = (relationship: Relationship): string | null => {
  switch (relationship.kind) {
    case 'computed':
      return null;
    case 'many-to-many':
      return relationship.junction.name;
    default:
      return relationship.constraint;
  }
};

/** By the name that the rows have in an answer: the target's, or of a computed relationship the function's. */
function buildEmbeds(relationships: readonly Relationship[], schema: string): Embed[] {
  const byName = new Map<string, Relationship[]>();
  for (const relationship of relationships) {
    if (relationship.target.schema !== schema) continue;
    // by its own name a relation embeds what refers to it
    if (relationship.isSelf && relationship.kind === 'many-to-one') continue;
    const { name } = relationship.kind === 'computed' ? relationship.routine : relationship.target;
    byName.set(name, [...(byName.get(name) ?? []), relationship]);
  }
  return [...byName].flatMap(([name, found]) => {
    // a function takes the place of what else has its name
    const computed = found.filter(({ kind }) => kind === 'computed');
    const [first, ...others] = computed.length > 0 ? computed : found;
    if (first === undefined) return [];
    const toOne = isToOne(first);
    return [
      {
        name,
        target: first.target,
        toOne: others.every((other) => isToOne(other) === toOne) ? toOne : null,
        hints:
          others.length === 0 ? [] : [...new Set([first, ...others].flatMap((one) => hintOf(one) ?? []))],
      },
    ];
  });
}
