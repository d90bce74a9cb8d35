/** What the client reads of the `Database` that `aura gen types` prints. */

export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

/** A schema of a `Database`. */
export interface AnySchema {
  readonly Tables: object;
  readonly Views: object;
  readonly Functions: object;
}

/** A table or view. */
export interface AnyRelation {
  readonly Row: object;
}

/** What a client knows that was given no `Database`: every name may be there. */
export interface Untyped {
  readonly public: UntypedSchema;
  readonly [schema: string]: UntypedSchema;
}

export interface UntypedSchema {
  readonly Tables: { readonly [relation: string]: UntypedRelation };
  readonly Views: Record<never, never>;
  readonly Functions: {
    readonly [name: string]: { readonly Args: Record<string, unknown>; readonly Returns: unknown };
  };
}

export interface UntypedRelation {
  readonly Row: Record<string, unknown>;
  readonly Insert: Record<string, unknown>;
  readonly Update: Record<string, unknown>;
  readonly Kinds: Record<string, 'unknown'>;
  readonly Embeds: Record<string, { readonly to: string; readonly as: 'unknown' }>;
}

/** Names of schemas, without what supabase-js keeps beside them. */
export type SchemaName<Database> = Exclude<keyof Database, '__InternalSupabase'> & string;

/** `public`, or the only schema there is. */
export type DefaultSchema<Database> = 'public' extends keyof Database ? 'public' : SchemaName<Database>;

export type SchemaOf<Database, Name> = Name extends keyof Database
  ? Database[Name] extends infer Schema extends AnySchema
    ? Schema
    : never
  : never;

export type RelationName<Schema extends AnySchema> = (keyof Schema['Tables'] | keyof Schema['Views']) &
  string;

export type RelationOf<Schema extends AnySchema, Name> = Name extends keyof Schema['Tables']
  ? Schema['Tables'][Name] extends infer Relation extends AnyRelation
    ? Relation
    : never
  : Name extends keyof Schema['Views']
    ? Schema['Views'][Name] extends infer Relation extends AnyRelation
      ? Relation
      : never
    : never;

/** The member of a type, or another where it has none. */
export type Member<T, Key extends PropertyKey, Otherwise = never> = T extends { readonly [K in Key]: infer V }
  ? V
  : Otherwise;

export type KindsOf<Relation> = Member<Relation, 'Kinds', Record<never, never>>;
export type EmbedsOf<Relation> = Member<Relation, 'Embeds', Record<never, never>>;

/** A row as `select=*` gives it. */
export type StarOf<Relation extends AnyRelation> = Relation extends {
  readonly ComputedFields: infer Computed;
}
  ? Omit<Relation['Row'], Computed & PropertyKey>
  : Relation['Row'];

/** One object type in place of an intersection. */
export type Show<T> = { [K in keyof T]: T[K] };
