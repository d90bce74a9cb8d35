/** Pieces of selects as texts. */

/** What is wrong with a select, in place of a row. */
export interface SelectError<Message extends string> {
  readonly selectError: Message;
}

export type Space = ' ' | '\n' | '\t' | '\r';
export type Trim<S extends string> = S extends `${Space}${infer Rest}`
  ? Trim<Rest>
  : S extends `${infer Rest}${Space}`
    ? Trim<Rest>
    : S;

/** Up to the next `,`, `(` or `)`. */
export type Head<S extends string> = S extends `${infer A},${string}` ? HeadOfItem<A> : HeadOfItem<S>;
type HeadOfItem<S extends string> = S extends `${infer A}(${string}` ? BeforeEnd<A> : BeforeEnd<S>;
type BeforeEnd<S extends string> = S extends `${infer A})${string}` ? A : S;

/** Nothing selected yet. */
export type Nothing = Record<never, never>;

/** Names may be quoted. */
export type Unquoted<S extends string> = Trim<S> extends `"${infer Inside}"` ? Inside : Trim<S>;
