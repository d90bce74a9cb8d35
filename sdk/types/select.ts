/**
 * Reads a select at the level of types: columns, aliases, casts, JSON paths, aggregates, embeds and spreads. The text
 * is cut at the next comma or parenthesis and never walked character by character, and what an embed leads to is
 * looked up in `Embeds`, which the generator resolved: that keeps the compiler quick on large schemas.
 */
import type { AnyRelation, AnySchema, EmbedsOf, RelationOf, Show } from './database.ts';
import type { AggregateField, AggregateOf, FieldOf } from './field.ts';
import type { Head, Nothing, SelectError, Space, Trim, Unquoted } from './text.ts';

/**
 * The items of a list: what they select, and the text from the closing parenthesis on.
 * Names: `H` the text of an item, `Fields` what was selected before it.
 */
type Items<S extends string, Schema extends AnySchema, Relation extends AnyRelation, Fields = Nothing> =
  Head<S> extends infer H extends string
    ? S extends `${H}${infer After}`
      ? After extends `(${infer Inside}`
        ? Call<Trim<H>, Inside, Schema, Relation, Fields>
        : Continue<FieldOf<Trim<H>, Relation>, After, Schema, Relation, Fields>
      : never
    : never;

/** Behind an item: the next one, or the end of the list. */
type Continue<Field, After extends string, Schema extends AnySchema, Relation extends AnyRelation, Fields> =
  Field extends SelectError<string>
    ? Field
    : After extends `,${infer Next}`
      ? Items<Next, Schema, Relation, Fields & Field>
      : [Fields & Field, After];

/** An item with parentheses: an aggregate, a spread or an embed. */
type Call<
  H extends string,
  Inside extends string,
  Schema extends AnySchema,
  Relation extends AnyRelation,
  Fields,
> = [AggregateOf<H>] extends [never]
  ? EmbedTarget<TargetOf<H>, Relation> extends infer E
    ? E extends SelectError<string>
      ? E
      : Inner<Inside, Schema, E> extends infer I
        ? I extends [infer Selected, infer Rest extends string]
          ? Rest extends `)${infer After}`
            ? Continue<EmbedField<H, E, Selected>, AfterSpace<After>, Schema, Relation, Fields>
            : SelectError<`'${H}(' is not closed`>
          : I
        : never
    : never
  : Inside extends `)${infer After}`
    ? Head<After> extends infer Cast extends string
      ? After extends `${Cast}${infer Rest}`
        ? Continue<AggregateField<AggregateOf<H>, Trim<Cast>, Relation>, Rest, Schema, Relation, Fields>
        : never
      : never
    : SelectError<`'${H}(' has to be closed at once`>;

type AfterSpace<S extends string> = S extends `${Space}${infer Rest}` ? AfterSpace<Rest> : S;

type Inner<Inside extends string, Schema extends AnySchema, E> = E extends { readonly to: infer Name }
  ? RelationOf<Schema, Name> extends infer Target extends AnyRelation
    ? Items<Inside, Schema, Target>
    : never
  : never;

// Embeds -------------------------------------------------------------------------------------------------------------

/** What stands behind `...` or `alias:`. */
type TargetOf<H extends string> = H extends `...${infer Target}`
  ? Target
  : H extends `${string}:${infer Target}`
    ? Target
    : H;

/** `people!fkey!inner` → `people!fkey` */
type WithoutJoin<T extends string> = T extends `${infer A}!${infer Option}!${infer B}`
  ? Option extends 'inner' | 'left'
    ? `${A}!${B}`
    : B extends 'inner' | 'left'
      ? `${A}!${Option}`
      : T
  : T extends `${infer A}!${infer Option}`
    ? Option extends 'inner' | 'left'
      ? A
      : T
    : T;

type IsInner<H extends string> = H extends `${string}!inner`
  ? true
  : H extends `${string}!inner!${string}`
    ? true
    : false;

type EmbedTarget<Target extends string, Relation extends AnyRelation> =
  Unquoted<WithoutJoin<Target>> extends infer Key extends string
    ? Key extends keyof EmbedsOf<Relation>
      ? EmbedsOf<Relation>[Key] extends infer E
        ? E extends { readonly as: 'ambiguous'; readonly say: infer Hints extends string }
          ? SelectError<`Several relationships are called '${Key}'; say which: ${Hints}`>
          : E
        : never
      : SelectError<`There is nothing called '${Key}' to embed`>
    : never;

type EmbedName<H extends string> = H extends `${infer Alias}:${string}`
  ? Unquoted<Alias>
  : H extends `${infer Target}!${string}`
    ? Unquoted<Target>
    : Unquoted<H>;

type EmbedField<H extends string, E, Selected> = H extends `...${string}`
  ? SpreadField<H, E, Show<Selected>>
  : keyof Selected extends never
    ? Nothing
    : { [K in EmbedName<H>]: EmbedValue<H, E, Show<Selected>> };

type EmbedValue<H extends string, E, Selected> = E extends { readonly as: infer As }
  ? As extends 'many'
    ? Selected[]
    : As extends 'one'
      ? Selected
      : As extends 'maybe'
        ? IsInner<H> extends true
          ? Selected
          : Selected | null
        : unknown
  : never;

type SpreadField<H extends string, E, Selected> = E extends { readonly as: infer As }
  ? As extends 'many'
    ? { [K in keyof Selected]: Selected[K][] }
    : As extends 'one'
      ? Selected
      : IsInner<H> extends true
        ? Selected
        : { [K in keyof Selected]: Selected[K] | null }
  : never;

// The whole ----------------------------------------------------------------------------------------------------------

/** The row that a select gives, or a SelectError; of a text that is only known when the program runs, anything. */
export type SelectRow<
  Schema extends AnySchema,
  Relation extends AnyRelation,
  Text extends string,
> = string extends Text
  ? Record<string, unknown>
  : Items<Text, Schema, Relation> extends infer Parsed
    ? Parsed extends [infer Fields, infer Rest]
      ? Rest extends ''
        ? Show<Fields>
        : SelectError<`'${Rest & string}' is too much`>
      : Parsed
    : never;

/** A select where it is right, what is wrong with it where it is not. */
export type ValidSelect<Text extends string, Row> =
  Row extends SelectError<infer Message> ? SelectError<Message> : Text;

/** The relation behind an embed of a select, by the name that it has there; never where that cannot be told. */
export type EmbeddedRelation<
  Schema extends AnySchema,
  Relation extends AnyRelation,
  Text extends string,
  Name extends string,
> =
  EmbedTarget<Aliased<Text, Name>, Relation> extends { readonly to: infer To }
    ? RelationOf<Schema, To>
    : never;

type Aliased<
  Text extends string,
  Name extends string,
> = Text extends `${string}${Name}:${infer Target}(${string}`
  ? Trim<Target>
  : Text extends `${string}${Name}!${infer Hint}(${string}`
    ? `${Name}!${Trim<Hint>}`
    : Name;
