/**
 * The catalog: what planning needs to know of the database, as frozen plain data. It is loaded in one
 * trip (load.ts), linked by pure functions (build.ts, relationships.ts) and swapped whole (holder.ts).
 * Types here are the vocabulary of the whole project.
 */
import type { QualifiedName } from '../names.ts';

/** Everything Aura knows of one database, at one moment. Maps are keyed by `nameKey` where not said otherwise. */
export interface Catalog {
  /** PostgreSQL's `server_version_num`, for instance 180001. */
  readonly serverVersion: number;
  /** The exposed schemas, in the order of `db-schemas`; the first is the default. */
  readonly schemas: readonly string[];
  /** Relations of the exposed schemas. */
  readonly relations: ReadonlyMap<string, Relation>;
  /** Relationships from a relation (the key) to exposed relations, through exposed junctions. */
  readonly relationships: ReadonlyMap<string, readonly Relationship[]>;
  /** Callable functions of the exposed schemas; overloads of one name, fewest parameters first. */
  readonly routines: ReadonlyMap<string, readonly Routine[]>;
  /** Domain representations, keyed by `representationKey(source type, target type)`. */
  readonly representations: ReadonlyMap<string, Representation>;
  /** Media type handlers that users defined, in no order. */
  readonly mediaHandlers: readonly MediaHandler[];
  /** All roles by name. */
  readonly roles: ReadonlyMap<string, Role>;
  /** Enums of any schema, keyed by nameKey; labels in order. */
  readonly enums: ReadonlyMap<string, readonly string[]>;
  /** Types that users defined, of any schema, keyed by the text that stands for them as a type: `public.email`. */
  readonly types: ReadonlyMap<string, NamedType>;
  /** Publications by name, with the exposed tables they hold. */
  readonly publications: ReadonlyMap<string, Publication>;
  /** Schema comments by schema name (exposed schemas only; absent = none). */
  readonly schemaComments: ReadonlyMap<string, string>;
  /** Who may use the exposed schemas and those of the extra search path, by schema name. */
  readonly schemaGrants: ReadonlyMap<string, readonly Grant[]>;
}

export type RelationKind = 'table' | 'partitioned table' | 'view' | 'materialized view' | 'foreign table';

export interface Relation {
  readonly name: QualifiedName;
  readonly kind: RelationKind;
  readonly comment: string | null;
  readonly owner: string;
  /** Row-Level Security: enabled, and forced on the owner too. */
  readonly rowSecurity: { readonly enabled: boolean; readonly forced: boolean };
  /** A view that runs with the permissions of its caller (`with (security_invoker)`). */
  readonly securityInvoker: boolean;
  /** What the relation can do at all, whoever asks; grants are PostgreSQL's to check. */
  readonly insertable: boolean;
  readonly updatable: boolean;
  readonly deletable: boolean;
  /** A trigger before each row's insert may fill in what a request leaves out. */
  readonly fillsRows: boolean;
  /** Names of the primary key's columns, sorted by name; a view has those it shows of its base table. Empty = none. */
  readonly primaryKey: readonly string[];
  /** Columns of its own primary key, in the key's order. Empty = none, or a view. */
  readonly ownKey: readonly string[];
  /** Column lists of unique indexes that hold for every row, those of constraints among them. */
  readonly uniqueIndexes: readonly (readonly string[])[];
  /** Column lists of unique constraints, primary key excluded. */
  readonly uniqueKeys: readonly (readonly string[])[];
  /** In the order of the table. */
  readonly columns: ReadonlyMap<string, Column>;
  /** Functions over one row of the relation that read like columns of it, by name; none that a column hides. */
  readonly computedColumns: ReadonlyMap<string, ComputedColumn>;
  readonly grants: readonly Grant[];
  readonly policies: readonly Policy[];
}

export interface Column {
  readonly name: string;
  /** `attnum`. */
  readonly position: number;
  readonly comment: string | null;
  /** As it was declared: a view's columns are nullable unless their type is a domain that is not. */
  readonly nullable: boolean;
  /**
   * No row that is read holds null in it: declared so, or, of a view's column, proven from its query (nothing but a
   * column that is NOT NULL, a count or a constant, and no outer join or grouping set in between).
   */
  readonly neverNull: boolean;
  /** The type without its length; of a domain over a built-in type the base type: `character varying`, `integer`, `test.enum`. */
  readonly type: string;
  /** The declared type with its length: `character varying(20)`, `public.email` for a domain. */
  readonly declaredType: string;
  /** Characters at most, for character types with a length. */
  readonly maxLength: number | null;
  /** The default's expression, `nextval(...)` for an identity by default; null = none, or always generated. */
  readonly default: string | null;
  readonly generated: 'stored' | 'virtual' | null;
  readonly identity: 'always' | 'by default' | null;
  /** Labels where the type is an enum (or a domain over one), else empty. */
  readonly enumLabels: readonly string[];
  /** Expressions of the check constraints that speak of this column alone, as PostgreSQL prints them. */
  readonly checks: readonly string[];
  /** Grants on the column itself, beyond those on the relation. */
  readonly grants: readonly Grant[];
}

/** A type that a user defined. Types are named by the text that PostgreSQL prints for them, with their schema. */
export type NamedType =
  | {
      readonly kind: 'enum';
      readonly schema: string;
      readonly name: string;
      /** Who may use it. */
      readonly grants: readonly Grant[];
      readonly comment: string | null;
      readonly labels: readonly string[];
    }
  | {
      readonly kind: 'domain';
      readonly schema: string;
      readonly comment: string | null;
      /** With its length. */
      readonly base: string;
      readonly notNull: boolean;
      /** As PostgreSQL prints them, with `VALUE` for the value. */
      readonly checks: readonly string[];
    }
  | {
      readonly kind: 'composite';
      readonly schema: string;
      readonly comment: string | null;
      readonly attributes: readonly Attribute[];
    };

/** An attribute of a composite type. */
export interface Attribute {
  readonly name: string;
  readonly type: string;
  readonly comment: string | null;
}

/** A function over one row of a relation that does not return a set: `select=full_name` calls it. */
export interface ComputedColumn {
  readonly name: string;
  /** Lies in the relation's schema or on the extra search path. */
  readonly routine: QualifiedName;
  /** As `Column.declaredType`. */
  readonly type: string;
  readonly comment: string | null;
  readonly grants: readonly Grant[];
}

/** A privilege that a role holds, as `aclexplode` tells it; grantee `PUBLIC` = everyone. */
export interface Grant {
  readonly grantee: string;
  readonly privilege: string;
}

export interface Policy {
  readonly name: string;
  readonly command: 'all' | 'select' | 'insert' | 'update' | 'delete';
  readonly permissive: boolean;
  /** Role names; `PUBLIC` = everyone. */
  readonly roles: readonly string[];
  readonly using: string | null;
  readonly check: string | null;
}

/** A pair of columns: of the source relation (or of the relation before the junction), and of the target. */
export type ColumnPair = readonly [source: string, target: string];

export type Relationship = ForeignKeyRelationship | JunctionRelationship | ComputedRelationship;

interface RelationshipEnds {
  readonly source: QualifiedName;
  readonly target: QualifiedName;
  readonly isSelf: boolean;
  readonly sourceIsView: boolean;
  readonly targetIsView: boolean;
}

/**
 * Along one foreign key, from either end. `many-to-one`: the source holds the key. `one-to-many`: the target
 * holds it. `one-to-one`: the key is unique; `sourceHoldsKey` says which end it is.
 */
export interface ForeignKeyRelationship extends RelationshipEnds {
  readonly kind: 'many-to-one' | 'one-to-many' | 'one-to-one';
  readonly sourceHoldsKey: boolean;
  readonly constraint: string;
  /** The constraint's. */
  readonly comment: string | null;
  readonly columns: readonly ColumnPair[];
}

/** Through a junction table whose primary key covers both foreign keys. */
export interface JunctionRelationship extends RelationshipEnds {
  readonly kind: 'many-to-many';
  readonly junction: QualifiedName;
  readonly sourceConstraint: string;
  readonly targetConstraint: string;
  /** Pairs [source column, junction column]. */
  readonly sourceColumns: readonly ColumnPair[];
  /** Pairs [target column, junction column]. */
  readonly targetColumns: readonly ColumnPair[];
}

/** A function over one row of the source that returns rows of the target. */
export interface ComputedRelationship extends RelationshipEnds {
  readonly kind: 'computed';
  readonly routine: QualifiedName;
  readonly toOne: boolean;
  /** The function's. */
  readonly comment: string | null;
  /** Grants on the function. */
  readonly grants: readonly Grant[];
}

/** Whether one source row meets at most one target row: its embed is then an object, not an array. */
export const isToOne = (relationship: Relationship): boolean =>
  relationship.kind === 'computed'
    ? relationship.toOne
    : relationship.kind === 'many-to-one' || relationship.kind === 'one-to-one';

export interface Routine {
  readonly name: QualifiedName;
  readonly comment: string | null;
  readonly parameters: readonly RoutineParameter[];
  readonly returns: RoutineResult;
  readonly volatility: 'immutable' | 'stable' | 'volatile';
  readonly variadic: boolean;
  readonly securityDefiner: boolean;
  /** `default_transaction_isolation` set on the function, for instance `serializable`. */
  readonly isolation: string | null;
  /** Settings on the function whose names are listed in `db-hoisted-tx-settings`. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  readonly grants: readonly Grant[];
}

export interface RoutineParameter {
  /** Empty = unnamed. */
  readonly name: string;
  readonly type: string;
  /** The type to cast arguments to: `bit` and `character` are widened, so that no argument is cut to length 1. */
  readonly castType: string;
  readonly required: boolean;
  /** The default's expression; null = none. */
  readonly default: string | null;
  readonly variadic: boolean;
}

export interface RoutineResult {
  /** `composite` also for OUT, INOUT and TABLE parameters. */
  readonly kind: 'scalar' | 'composite';
  readonly setOf: boolean;
  /** At most one row, as the function declares (`rows 1`) or because it returns no set. */
  readonly toOne: boolean;
  /** The returned type; of a table's row type the table's name. */
  readonly type: QualifiedName;
  /** A domain over a composite type. */
  readonly isDomain: boolean;
  /** The type as it is declared, domains included: `public.email`, `text[]`, `record`. */
  readonly declaredType: string;
  /** What OUT, INOUT and TABLE parameters make of the result; empty = there are none. */
  readonly outputs: readonly { readonly name: string; readonly type: string }[];
}

/** An implicit cast by function between a domain and json or text. */
export interface Representation {
  readonly sourceType: string;
  readonly targetType: string;
  /** The cast function as `regproc` prints it under an empty search path (quoted where needed). */
  readonly function: string;
}

/** The key of `Catalog.representations`. */
export const representationKey = (source: string, target: string): string => `${source}\0${target}`;

/** A function or aggregate whose result is a domain named like a media type. */
export interface MediaHandler {
  /** The aggregate, or for a scalar handler the domain itself. */
  readonly handler: QualifiedName;
  /** The relation whose rows it takes, `pg_catalog.anyelement` for any, or the function that answers in this type. */
  readonly target: QualifiedName;
  /** Lower case; a handler of `*` `/*` has it here. */
  readonly mediaType: string;
  /** What the response says: `application/octet-stream` for a handler of everything. */
  readonly resolvedMediaType: string;
}

export interface Role {
  readonly name: string;
  readonly superuser: boolean;
  readonly bypassRls: boolean;
  readonly inherit: boolean;
  readonly canLogin: boolean;
  /** Roles it is a direct member of. */
  readonly memberOf: readonly string[];
  /** Those of `memberOf` whose privileges it has without `set role`. */
  readonly inheritsFrom: readonly string[];
}

export interface Publication {
  readonly name: string;
  readonly tables: readonly QualifiedName[];
}
