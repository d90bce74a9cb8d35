/**
 * The catalog as PostgreSQL answers it: one array per file of sql/catalog, one object per row, field for field.
 * Relations, columns and types refer to each other by oid (as text) and position; build.ts resolves them.
 */

/** `pg_class.oid` or `pg_type.oid`, as text. */
export type RawId = string;

/** Items of an access control list as PostgreSQL prints them, for instance `anon=r/postgres`. */
export type RawAcl = readonly string[];

/** What the one statement of load.ts answers. */
export interface RawCatalog {
  readonly server_version: number;
  readonly search_path: string;
  readonly schemas: readonly RawSchema[];
  readonly relations: readonly RawRelation[];
  readonly columns: readonly RawColumn[];
  readonly checks: readonly RawCheck[];
  readonly keys: readonly RawKey[];
  readonly foreign_keys: readonly RawForeignKey[];
  readonly view_columns: readonly RawViewColumn[];
  readonly policies: readonly RawPolicy[];
  readonly routines: readonly RawRoutine[];
  readonly row_functions: readonly RawRowFunction[];
  readonly representations: readonly RawRepresentation[];
  readonly media_handlers: readonly RawMediaHandler[];
  readonly roles: readonly RawRole[];
  readonly enums: readonly RawEnum[];
  readonly types: readonly RawType[];
  readonly publications: readonly RawPublication[];
  readonly unique_indexes: readonly RawUniqueIndex[];
}

export interface RawSchema {
  readonly name: string;
  readonly comment: string | null;
  readonly acl: RawAcl;
}

export interface RawRelation {
  readonly id: RawId;
  readonly schema: string;
  readonly name: string;
  readonly kind: 'r' | 'p' | 'v' | 'm' | 'f';
  readonly comment: string | null;
  readonly owner: string;
  readonly row_security: boolean;
  readonly row_security_forced: boolean;
  readonly security_invoker: boolean;
  /** Bits: 4 update, 8 insert, 16 delete. */
  readonly writes: number;
  readonly fills_rows: boolean;
  readonly acl: RawAcl;
}

export interface RawColumn {
  readonly relation: RawId;
  readonly name: string;
  readonly position: number;
  readonly comment: string | null;
  readonly nullable: boolean;
  /** Declared and validated; of views without meaning. */
  readonly never_null: boolean;
  readonly type: string;
  readonly declared_type: string;
  readonly max_length: number | null;
  readonly default: string | null;
  readonly generated: 's' | 'v' | null;
  readonly identity: 'a' | 'd' | null;
  /** The enum type that the column holds, through domains. */
  readonly enum: RawId | null;
  readonly acl: RawAcl | null;
}

export interface RawCheck {
  readonly relation: RawId;
  readonly position: number;
  readonly expression: string;
}

export interface RawKey {
  readonly relation: RawId;
  readonly is_primary: boolean;
  readonly columns: readonly number[];
}

export interface RawForeignKey {
  readonly name: string;
  readonly source: RawId;
  readonly target: RawId;
  readonly source_columns: readonly number[];
  readonly target_columns: readonly number[];
  readonly comment: string | null;
}

export interface RawViewColumn {
  readonly view: RawId;
  readonly position: number;
  /** The relation and column right behind it, which may be a view's again; null = an expression. */
  readonly relation: RawId | null;
  readonly column: number | null;
  /** Nulls: none, as in the column behind, possible. */
  readonly nulls: 'n' | 'b' | 'p';
}

export interface RawPolicy {
  readonly relation: RawId;
  readonly name: string;
  readonly command: '*' | 'r' | 'a' | 'w' | 'd';
  readonly permissive: boolean;
  readonly roles: readonly string[];
  readonly using: string | null;
  readonly check: string | null;
}

export interface RawRoutine {
  readonly schema: string;
  readonly name: string;
  readonly comment: string | null;
  /** Null = no parameter has a name. */
  readonly names: readonly string[] | null;
  readonly types: readonly string[];
  /** Null = all are inputs. */
  readonly modes: readonly ('i' | 'o' | 'b' | 'v' | 't')[] | null;
  readonly defaults: number;
  /** The default of each parameter as an expression; null = none has one. */
  readonly default_texts: readonly (string | null)[] | null;
  readonly returns_set: boolean;
  readonly rows: number;
  readonly result_schema: string;
  readonly result_name: string;
  readonly result_is_row: boolean;
  readonly result_is_domain: boolean;
  readonly result_type: string;
  readonly volatility: 'i' | 's' | 'v';
  readonly variadic: boolean;
  readonly security_definer: boolean;
  readonly isolation: string | null;
  /** `name=value`. */
  readonly settings: readonly string[];
  readonly acl: RawAcl;
}

export interface RawRowFunction {
  readonly schema: string;
  readonly name: string;
  readonly comment: string | null;
  readonly source: RawId;
  /** Null = the result is no relation's row. */
  readonly target: RawId | null;
  readonly type: string;
  readonly returns_set: boolean;
  readonly rows: number;
  readonly acl: RawAcl;
}

export interface RawRepresentation {
  readonly source: string;
  readonly target: string;
  readonly function: string;
}

export interface RawMediaHandler {
  readonly handler_schema: string;
  readonly handler_name: string;
  readonly target_schema: string;
  readonly target_name: string;
  readonly media_type: string;
}

export interface RawRole {
  readonly name: string;
  readonly superuser: boolean;
  readonly bypass_rls: boolean;
  readonly inherit: boolean;
  readonly can_login: boolean;
  readonly member_of: readonly string[];
  readonly inherits_from: readonly string[];
}

export interface RawEnum {
  readonly id: RawId;
  readonly type: string;
  readonly comment: string | null;
  readonly schema: string;
  readonly name: string;
  readonly acl: RawAcl;
  readonly labels: readonly string[];
}

/** A domain, which has a base, or a composite type. */
export interface RawType {
  readonly name: string;
  readonly schema: string;
  readonly comment: string | null;
  readonly base: string | null;
  readonly not_null: boolean;
  readonly checks: readonly string[];
  readonly attributes: readonly {
    readonly name: string;
    readonly type: string;
    readonly comment: string | null;
  }[];
}

export interface RawPublication {
  readonly name: string;
  readonly tables: readonly RawId[];
}

export interface RawUniqueIndex {
  readonly relation: RawId;
  readonly columns: readonly number[];
}
