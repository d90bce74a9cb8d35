/** What can be written. */
import type { AnyRelation, AnySchema, EmbedsOf, Member, RelationOf } from './database.ts';

export type InsertOf<Relation> = Member<Relation, 'Insert'>;
export type UpdateOf<Relation> = Member<Relation, 'Update'>;

/**
 * A row with rows that are related to it. Columns that a key fills are left out, so that no column has to be there;
 * embeds stand under the names that a select has for them, or `alias:name`.
 */
export type NestedInsert<Schema extends AnySchema, Relation extends AnyRelation> = Partial<
  InsertOf<Relation>
> & {
  [K in keyof EmbedsOf<Relation> as K extends keyof Relation['Row'] ? never : K]?: NestedEmbed<
    Schema,
    EmbedsOf<Relation>[K]
  >;
} & { [alias: `${string}:${string}`]: unknown };

type NestedEmbed<Schema extends AnySchema, E> = E extends { readonly to: infer To; readonly as: infer As }
  ? As extends 'many'
    ? readonly NestedInsert<Schema, RelationOf<Schema, To>>[]
    : As extends 'one' | 'maybe'
      ? NestedInsert<Schema, RelationOf<Schema, To>> | null
      : As extends 'ambiguous'
        ? never
        : unknown
  : never;
