/** Functions and their overloads. */
import type { AnyRelation, AnySchema, Member, RelationOf } from './database.ts';

export interface AnyFunction {
  readonly Args: object;
  readonly Returns: unknown;
}

export type FunctionName<Schema extends AnySchema> = keyof Schema['Functions'] & string;

export type FunctionOf<Schema extends AnySchema, Name extends string> = Name extends keyof Schema['Functions']
  ? Extract<Schema['Functions'][Name], AnyFunction>
  : never;

/** Arguments of any of the overloads. */
export type ArgsOf<Fn> = Fn extends AnyFunction ? Fn['Args'] : never;

/** The overloads that take these arguments, all of them and no other. */
export type Matching<Fn, Args> = Fn extends AnyFunction
  ? Exclude<keyof Args, keyof Fn['Args']> extends never
    ? Args extends Fn['Args']
      ? Fn
      : never
    : never
  : never;

/** Nothing more to ask of arguments, where an overload takes them. */
export type Takes<Fn, Args> = [Matching<Fn, Args>] extends [never]
  ? { readonly overload: 'none takes these arguments' }
  : unknown;

/** The rows of a relation, a record, or a value that comes bare. */
export type ResultRow<Fn> = Fn extends AnyFunction
  ? Fn['Returns'] extends readonly (infer Item)[]
    ? Item
    : Fn['Returns']
  : never;

/** The relation whose rows come back, for its filters and embeds; what else a function returns looks like one. */
export type ResultRelation<Schema extends AnySchema, Fn> = Fn extends {
  readonly SetofOptions: { readonly to: infer To };
}
  ? RelationOf<Schema, To>
  : { readonly Row: Extract<ResultRow<Fn>, object> } extends infer Relation extends AnyRelation
    ? Relation
    : never;

/** What is answered without a select. */
export type ResultData<Schema extends AnySchema, Fn> = Fn extends {
  readonly SetofOptions: { readonly to: infer To; readonly isSetofReturn: infer IsSet };
}
  ? RelationOf<Schema, To> extends { readonly Row: infer Row; readonly ComputedFields: infer Computed }
    ? Wrapped<Omit<Row, Computed & PropertyKey>, IsSet>
    : Wrapped<Member<RelationOf<Schema, To>, 'Row'>, IsSet>
  : Member<Fn, 'Returns', unknown> extends undefined
    ? null
    : Member<Fn, 'Returns', unknown>;

/** A select of a function's rows. */
export type Wrapped<Row, IsSet> = IsSet extends true ? Row[] : Row;

export type IsSet<Fn> = Fn extends { readonly SetofOptions: { readonly isSetofReturn: infer Set } }
  ? Set
  : Member<Fn, 'Returns', unknown> extends readonly unknown[]
    ? true
    : false;
