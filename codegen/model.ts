/**
 * What every printer prints: the exposed schemas as JSON over HTTP shows them, free of PostgreSQL's and of any
 * language's spelling. Everything is sorted by name (functions' parameters and enums' labels keep their order), so
 * that the same schema always gives the same text.
 */

export interface Model {
  /** In the order of `db-schemas`; the first is the default. */
  readonly schemas: readonly Schema[];
}

export interface Schema {
  readonly name: string;
  readonly comment: string | null;
  /** What can be read as `/name`: tables first, then views. */
  readonly relations: readonly ModelRelation[];
  readonly functions: readonly FunctionGroup[];
  readonly enums: readonly EnumType[];
  readonly composites: readonly CompositeType[];
  readonly domains: readonly DomainType[];
}

/** Where a name lies; names are unquoted. */
export interface Reference {
  readonly schema: string;
  readonly name: string;
}

export interface ModelRelation {
  readonly schema: string;
  readonly name: string;
  readonly kind: 'table' | 'view';
  readonly comment: string | null;
  readonly insertable: boolean;
  readonly updatable: boolean;
  readonly primaryKey: readonly string[];
  readonly uniqueKeys: readonly (readonly string[])[];
  readonly fields: readonly Field[];
  /** Functions of a row that read like columns, but only where they are asked for. */
  readonly computed: readonly ComputedField[];
  /** Foreign keys that the relation holds. */
  readonly foreignKeys: readonly ForeignKey[];
  /** What `select` can embed, by the text that names it: `people!tasks_assignee_id_fkey`. */
  readonly embeds: readonly Embed[];
}

export interface Field {
  readonly name: string;
  readonly comment: string | null;
  /** `attnum`: the table's own order. */
  readonly position: number;
  /** As it was declared: `character varying(20)`. */
  readonly declaredType: string;
  readonly type: TypeReference;
  /** Whether a row that is read can hold null in it. */
  readonly nullable: boolean;
  /** Whether a row that is written can. */
  readonly acceptsNull: boolean;
  /** `required`: an insert without it fails; `never`: PostgreSQL computes it. */
  readonly insert: 'required' | 'optional' | 'never';
  readonly limits: Limits;
}

export interface ComputedField {
  readonly name: string;
  readonly comment: string | null;
  readonly type: TypeReference;
}

export interface ForeignKey {
  readonly name: string;
  readonly columns: readonly string[];
  readonly target: Reference;
  readonly targetColumns: readonly string[];
  /** At most one row of this relation has the same key. */
  readonly isOneToOne: boolean;
  /** One of both ends is a view that shows the key of its table. */
  readonly throughView: boolean;
}

/** `maybe` = one or null; `ambiguous` = several relationships answer to it, each by its own of `hints`. */
export interface Embed {
  readonly key: string;
  readonly target: string;
  readonly cardinality: 'one' | 'maybe' | 'many' | 'ambiguous';
  readonly hints: readonly string[];
}

/** Overloads of one name. */
export interface FunctionGroup {
  readonly schema: string;
  readonly name: string;
  readonly overloads: readonly ModelFunction[];
}

export interface ModelFunction {
  readonly comment: string | null;
  readonly parameters: readonly Parameter[];
  readonly returns: TypeReference;
  readonly returnsSet: boolean;
  /** Whether it can be called by GET. */
  readonly readOnly: boolean;
  /** The relation of the same schema whose rows come back. */
  readonly rowsOf: string | null;
  /** As a computed relationship: the relation whose row it takes, and whether one row at most comes back. */
  readonly embeds: { readonly source: string; readonly toOne: boolean } | null;
  /** False: it can be embedded, but not called. */
  readonly callable: boolean;
}

export interface Parameter {
  /** Empty = the whole body. */
  readonly name: string;
  readonly type: TypeReference;
  readonly required: boolean;
}

export interface EnumType extends Reference {
  readonly comment: string | null;
  readonly labels: readonly string[];
}

export interface CompositeType extends Reference {
  readonly comment: string | null;
  readonly attributes: readonly ComputedField[];
}

export interface DomainType extends Reference {
  readonly comment: string | null;
  readonly base: TypeReference;
  readonly limits: Limits;
}

/** What JSON has of a value, and what PostgreSQL means by it. */
export type Scalar =
  | 'boolean'
  | 'smallint'
  | 'integer'
  | 'bigint'
  | 'numeric'
  | 'real'
  | 'double'
  | 'text'
  | 'uuid'
  | 'date'
  | 'time'
  | 'timetz'
  | 'timestamp'
  | 'timestamptz'
  | 'interval'
  | 'bytea'
  | 'range'
  | 'tsvector'
  | 'network'
  | 'bits'
  | 'void'
  | 'unknown';

export type TypeReference =
  | { readonly kind: 'scalar'; readonly scalar: Scalar }
  | { readonly kind: 'json'; readonly shape: JsonShape }
  | { readonly kind: 'array'; readonly of: TypeReference }
  /** `isExposed`: a schema of the model has it under its name. */
  | { readonly kind: 'enum'; readonly type: EnumType; readonly isExposed: boolean }
  | { readonly kind: 'composite'; readonly type: CompositeType; readonly isExposed: boolean }
  | { readonly kind: 'domain'; readonly type: DomainType; readonly isExposed: boolean }
  /** A row of a relation of the model. */
  | { readonly kind: 'row'; readonly relation: Reference; readonly of: 'table' | 'view' }
  /** A row of a function's outputs. */
  | { readonly kind: 'record'; readonly fields: readonly ComputedField[] };

/** What a JSON value looks like; `any` where nobody said. */
export type JsonShape =
  | { readonly kind: 'any' | 'null' | 'string' | 'number' | 'integer' | 'boolean' }
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  | { readonly kind: 'array'; readonly of: JsonShape }
  | { readonly kind: 'union'; readonly of: readonly JsonShape[] }
  | {
      readonly kind: 'object';
      readonly properties: readonly JsonProperty[];
      /** What other keys hold; null = there are none. */
      readonly rest: JsonShape | null;
    };

export interface JsonProperty {
  readonly name: string;
  readonly required: boolean;
  readonly shape: JsonShape;
}

/** What check constraints and lengths say of a value that is not null; all of it holds. */
export interface Limits {
  /** The only values, where there is a list. */
  readonly oneOf?: readonly (string | number)[];
  readonly min?: number;
  readonly max?: number;
  readonly exclusiveMin?: number;
  readonly exclusiveMax?: number;
  /** Characters. */
  readonly minLength?: number;
  readonly maxLength?: number;
  /** A regular expression that PostgreSQL and JavaScript read alike. */
  readonly pattern?: string;
}
