/**
 * Plans: what a request means once every name has been resolved against the catalog. Rendering to SQL needs
 * nothing but these types: whatever is a name here exists, or is left to PostgreSQL to refuse.
 */
import type { QualifiedName } from '../names.ts';
import type {
  AggregateFunction,
  Comparison,
  EmbedOption,
  JsonStep,
  Located,
  MediaType,
  Mutation,
  Operand,
  Position,
  Preferences,
  Range,
} from '../request/ast.ts';

/** A column (or a computed column, or something that PostgreSQL has to judge) and how it is read. */
export interface PlannedField {
  /** `*` = all columns. */
  readonly name: string;
  readonly path: readonly JsonStep[];
  /** The value has to become jsonb before the path can be followed. */
  readonly toJson: boolean;
  /** The function of a domain representation that the value passes through, as PostgreSQL prints it. */
  readonly transform: string | null;
  /** The whole row rather than a column. */
  readonly fullRow: boolean;
}

export interface PlannedSelect {
  readonly field: PlannedField;
  readonly alias: string | null;
  readonly cast: string | null;
  readonly aggregate: AggregateFunction | null;
  readonly aggregateCast: string | null;
}

export type PlannedLogic =
  | PlannedFilter
  | { readonly kind: 'embed is null'; readonly negated: boolean; readonly embedAlias: string }
  | RelatedCondition
  | {
      readonly kind: 'logic';
      readonly operator: 'and' | 'or';
      readonly negated: boolean;
      readonly children: readonly PlannedLogic[];
    };

/** That there are rows of another relation, or none, which belong to the row and for which conditions hold. */
export interface RelatedCondition {
  readonly kind: 'related';
  readonly negated: boolean;
  readonly relation: QualifiedName;
  /** The name of the other relation's rows, which no other rows have. */
  readonly alias: string;
  /** Pairs [column of the other relation, column of the row]. */
  readonly joins: readonly (readonly [own: string, outer: string])[];
  readonly where: readonly PlannedLogic[];
  /** It is about rows for which the conditions, taken together, do not hold. */
  readonly refuted: boolean;
}

export interface PlannedFilter {
  readonly kind: 'filter';
  readonly field: PlannedField;
  /** The field is turned into a tsvector first. */
  readonly toTsVector: boolean;
  readonly negated: boolean;
  readonly comparison: Comparison;
}

export interface PlannedOrder {
  /** The internal alias of the to-one embed whose column orders; null = own column. */
  readonly embedAlias: string | null;
  readonly field: PlannedField;
  readonly direction: 'asc' | 'desc' | null;
  readonly nulls: 'first' | 'last' | null;
}

/** A column of a row that is in scope under a name; the schema is null for an alias. */
export interface QualifiedColumn {
  readonly relation: string;
  readonly schema: string | null;
  readonly column: string;
}

/** What the rows are read from. */
export type Source =
  | { readonly kind: 'relation'; readonly name: QualifiedName; readonly alias: string | null }
  /** The rows that a write or a call left, under the name of their relation. */
  | { readonly kind: 'result'; readonly alias: string }
  /** A function over the parent's row. */
  | {
      readonly kind: 'computed';
      readonly routine: QualifiedName;
      readonly argument: string;
      readonly argumentType: QualifiedName;
      readonly alias: string;
    };

/** How an embed hangs on its parent. */
export interface Attachment {
  /** The key in the parent's object. */
  readonly key: string;
  /** The internal alias of the joined subquery. */
  readonly embedAlias: string;
  readonly toOne: boolean;
  readonly inner: boolean;
  readonly spread: Spread | null;
  readonly conditions: readonly (readonly [QualifiedColumn, QualifiedColumn])[];
  /** The junction table of a many-to-many relationship. */
  readonly junction: QualifiedName | null;
}

export type Spread =
  | { readonly kind: 'one' }
  | {
      readonly kind: 'many';
      /** Columns that are selected only to order the aggregated values. */
      readonly extra: readonly { readonly embedAlias: string | null; readonly select: PlannedSelect }[];
      readonly order: readonly PlannedOrder[];
    };

/** A column that a spread puts into its parent. */
export interface SpreadColumn {
  readonly name: string;
  readonly alias: string | null;
  readonly aggregate: AggregateFunction | null;
  readonly aggregateCast: string | null;
}

/** What an embed adds to its parent's row. */
export type EmbedOutput =
  | {
      readonly kind: 'object' | 'array';
      readonly key: string;
      readonly embedAlias: string;
      readonly empty: boolean;
    }
  | { readonly kind: 'spread'; readonly embedAlias: string; readonly columns: readonly SpreadColumn[] };

export interface ReadPlan {
  readonly source: Source;
  readonly select: readonly PlannedSelect[];
  readonly where: readonly PlannedLogic[];
  readonly order: readonly PlannedOrder[];
  readonly range: Range;
  /** Null at the root. */
  readonly attachment: Attachment | null;
  readonly outputs: readonly EmbedOutput[];
  readonly children: readonly ReadPlan[];
}

/** One key of the order that pages follow; its direction and the place of its nulls are always said. */
export interface PageKey {
  /** As in PlannedOrder. */
  readonly embedAlias: string | null;
  readonly field: PlannedField;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
  readonly nullable: boolean;
  /** PostgreSQL does not infer the type of a value from the key's, so that it has to be told. */
  readonly needsType: boolean;
}

/** The most that the planner may expect a statement to cost, in its units, and the setting that says so. */
export interface CostLimit {
  readonly most: number;
  readonly setting: 'db-max-cost' | 'db-max-aggregate-cost';
}

/** A page by cursor of the root's rows, whose `range.limit` is its size. */
export interface PagePlan {
  /** No two rows are equal in all of them. Not empty. */
  readonly keys: readonly PageKey[];
  /** Rows on a page. */
  readonly size: number;
  /** What a cursor of this order carries. */
  readonly order: string;
  /** As many values as keys; null = the first page. */
  readonly position: Position | null;
}

/** A column that a body or an argument fills. */
export interface TargetColumn {
  readonly name: string;
  /** The type that JSON values are read as. */
  readonly type: string;
  readonly transform: string | null;
  /** The default's expression, from the catalog. */
  readonly default: string | null;
}

export interface InsertPlan {
  readonly kind: 'insert';
  readonly relation: QualifiedName;
  readonly columns: readonly TargetColumn[];
  readonly bodyIsObject: boolean;
  readonly conflict: { readonly resolution: 'merge' | 'ignore'; readonly columns: readonly string[] } | null;
  /** PUT: what the new row must satisfy. */
  readonly conditions: readonly PlannedLogic[];
  readonly returning: readonly string[];
  readonly primaryKey: readonly string[];
  readonly applyDefaults: boolean;
}

export interface UpdatePlan {
  readonly kind: 'update';
  readonly relation: QualifiedName;
  /** What is written, keys excluded. */
  readonly columns: readonly TargetColumn[];
  /** Columns by which each object of the body finds its row; none = the one object changes all rows. */
  readonly keys: readonly TargetColumn[];
  readonly bodyIsObject: boolean;
  readonly conditions: readonly PlannedLogic[];
  readonly returning: readonly string[];
  readonly applyDefaults: boolean;
}

export interface DeletePlan {
  readonly kind: 'delete';
  readonly relation: QualifiedName;
  readonly conditions: readonly PlannedLogic[];
  readonly returning: readonly string[];
}

/** Rows that were written before and come in the body: only what is answered of them is left to do. */
export interface WrittenPlan {
  readonly kind: 'written';
  readonly relation: QualifiedName;
  readonly columns: readonly Pick<TargetColumn, 'name' | 'type'>[];
  readonly primaryKey: readonly string[];
}

export type MutatePlan = InsertPlan | UpdatePlan | DeletePlan | WrittenPlan;

/** One argument by name; a variadic one takes all values of its name. */
export interface PlannedArgument {
  readonly name: string;
  readonly type: string;
  readonly variadic: boolean;
}

export interface CallPlan {
  readonly routine: QualifiedName;
  readonly arguments:
    | { readonly kind: 'none' }
    /** The body as the single unnamed argument. */
    | { readonly kind: 'body'; readonly type: string }
    /** Members of a JSON body. */
    | {
        readonly kind: 'json';
        readonly parameters: readonly PlannedArgument[];
        readonly bodyIsObject: boolean;
      }
    /** Parameters of the URL or a form. */
    | {
        readonly kind: 'direct';
        readonly parameters: readonly (PlannedArgument & { readonly operands: readonly Operand[] })[];
      };
  readonly result: 'scalar' | 'set of scalar' | 'composite' | 'set of composite';
  readonly returnsVoid: boolean;
  /** Columns of the result that are needed; `*` alone or empty = all. */
  readonly returning: readonly string[];
}

export type LineFormat = 'json' | 'csv';

/** An answer that is sent while PostgreSQL makes it: its rows are not bounded as those of others are. */
export interface StreamPlan {
  readonly format: LineFormat;
  readonly range: Range;
  readonly maxRows: number | null;
}

/** How rows become a body. */
export type Handler =
  | { readonly kind: 'array' | 'object'; readonly stripped: boolean }
  | { readonly kind: 'csv' | 'geojson' | 'none' }
  /** One row a line. */
  | { readonly kind: 'lines'; readonly format: LineFormat }
  /** An aggregate over the rows (cast to a relation's type), or a function over a scalar. */
  | { readonly kind: 'custom'; readonly function: QualifiedName; readonly rowType: QualifiedName | null };

/** What every plan that reaches the database has in common. */
interface PlanBase {
  readonly read: ReadPlan;
  readonly handler: Handler;
  readonly mediaType: MediaType;
  readonly preferences: Preferences;
  readonly schema: string;
  readonly profiled: boolean;
  /** The transaction may only read. */
  readonly readOnly: boolean;
  readonly isolation: string | null;
  /** Settings declared on the function, hoisted to the transaction. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  readonly maxRows: number | null;
  /** Null = the answer is made whole. */
  readonly stream: StreamPlan | null;
  /** Embeds that the request calls by their name although they have an alias. */
  readonly legacyNames: readonly (readonly [name: string, alias: string])[];
}

export interface RelationPlan extends PlanBase {
  readonly kind: 'read';
  readonly relation: QualifiedName;
  readonly head: boolean;
  /** Null = an ordinary range of rows. */
  readonly page: PagePlan | null;
  /** Null = it may cost what it will. */
  readonly costLimit: CostLimit | null;
}

export interface WritePlan extends PlanBase {
  readonly kind: 'write';
  readonly relation: QualifiedName;
  readonly mutation: Mutation;
  readonly mutate: MutatePlan;
  /** `on_conflict` was given. */
  readonly namesConflict: boolean;
}

export interface RoutinePlan extends PlanBase {
  readonly kind: 'call';
  readonly call: CallPlan;
  readonly head: boolean;
}

/** A write whose body nests rows of other relations; what they are is planned with the body at hand. */
export interface NestedPlan {
  readonly kind: 'nested';
  /** The root's rows as if they were written alone. */
  readonly write: WritePlan & { readonly mutate: InsertPlan };
  /** What is answered of the root's rows, once they are written. */
  readonly answer: WritePlan & { readonly mutate: WrittenPlan };
  /** The answer has the structure of the body, of these columns each; else it is what `write` reads. */
  readonly mirrors: boolean;
  /** Keys of the root's objects that count; null = all. */
  readonly only: readonly string[] | null;
  readonly options: readonly Located<EmbedOption>[];
}

/** A column of a level's rows. The first source that has a value for a row gives it. */
export interface LevelColumn {
  readonly name: string;
  readonly type: string;
  /** Members of the row's object that hold the keys of other rows. */
  readonly members: readonly string[];
  /** How the body's own value is read; null where no row has one. */
  readonly given: TargetColumn | null;
}

/** The rows of one place in a nested body that have the same columns; each comes as an object with a number. */
export interface LevelPlan {
  readonly relation: QualifiedName;
  readonly columns: readonly LevelColumn[];
  /** The member that holds the row's number; begins no name of a column. */
  readonly number: string;
  readonly conflict: InsertPlan['conflict'];
  readonly applyDefaults: boolean;
  /** Columns that come back as text, in this order. */
  readonly keys: readonly string[];
  /** What of the row comes back as one JSON object; null = nothing. */
  readonly row: { readonly select: readonly PlannedSelect[]; readonly stripped: boolean } | null;
}

/** Answered from the catalog alone. */
export type InfoPlan = { readonly kind: 'allow'; readonly allow: string } | RootPlan;

/** The description of a schema. */
export interface RootPlan {
  readonly kind: 'root';
  readonly schema: string;
  readonly profiled: boolean;
  readonly document: DocumentFormat;
}

/** Which description of the API is answered. */
export interface DocumentFormat {
  readonly version: '2.0' | '3.1';
  readonly syntax: 'json' | 'yaml';
  /** The Content-Type header. */
  readonly contentType: string;
}

export type DatabasePlan = RelationPlan | WritePlan | RoutinePlan;
export type Plan = DatabasePlan | NestedPlan | InfoPlan;
