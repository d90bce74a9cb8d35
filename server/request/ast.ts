/**
 * What a request asks for, before the catalog is consulted: names are as the client wrote them, and nothing
 * is known yet of their existence. Protocol-neutral: REST parses URLs into it, other protocols build it.
 *
 * Values that may differ between two requests of one shape are operands: a slot refers to the request at
 * hand, so that a plan made for one request serves all of its shape.
 */

/** One `->` or `->>` step into a JSON, composite or array value. */
export interface JsonStep {
  readonly kind: 'key' | 'index';
  /** The key, or the signed index (`+1`, `-2`). */
  readonly value: string;
  /** `->>`: the result is text. */
  readonly asText: boolean;
}

export interface Field {
  /** `*` stands for all columns. */
  readonly name: string;
  readonly path: readonly JsonStep[];
}

export type AggregateFunction = 'sum' | 'avg' | 'max' | 'min' | 'count';

export type SelectItem = SelectField | SelectEmbed;

export interface SelectField {
  readonly kind: 'field';
  readonly field: Field;
  readonly alias: string | null;
  readonly cast: string | null;
  readonly aggregate: AggregateFunction | null;
  readonly aggregateCast: string | null;
}

export interface SelectEmbed {
  readonly kind: 'embed';
  /** The name of the target: a relation, a computed relationship, a foreign key or its column. */
  readonly target: string;
  readonly alias: string | null;
  readonly hint: string | null;
  readonly join: 'inner' | 'left' | null;
  /** Its columns are put into the parent's row. */
  readonly spread: boolean;
  readonly select: readonly SelectItem[];
}

/** A value: the n-th slot of the request at hand, or a text that belongs to the shape. */
export type Operand =
  | { readonly kind: 'slot'; readonly index: number }
  | { readonly kind: 'constant'; readonly text: string };

/** Several values, for `in`. A slot holds the list as it was written, with its parentheses. */
export type ListOperand =
  | { readonly kind: 'slot'; readonly index: number }
  | { readonly kind: 'constant'; readonly items: readonly string[] };

export type SimpleOperator = 'neq' | 'cs' | 'cd' | 'ov' | 'sl' | 'sr' | 'nxr' | 'nxl' | 'adj';
export type QuantifiableOperator = 'eq' | 'gte' | 'gt' | 'lte' | 'lt' | 'like' | 'ilike' | 'match' | 'imatch';
export type FullTextOperator = 'fts' | 'plfts' | 'phfts' | 'wfts';
export type IsValue = 'null' | 'not_null' | 'true' | 'false' | 'unknown';

export type Comparison =
  | { readonly kind: 'simple'; readonly operator: SimpleOperator; readonly operand: Operand }
  | {
      readonly kind: 'quantifiable';
      readonly operator: QuantifiableOperator;
      readonly quantifier: 'any' | 'all' | null;
      readonly operand: Operand;
    }
  | { readonly kind: 'in'; readonly list: ListOperand }
  /** As SQL has it, with `%`; `starts with` knows no wildcard. */
  | {
      readonly kind: 'sql pattern';
      readonly operator: 'like' | 'ilike' | 'starts with';
      readonly operand: Operand;
    }
  /** That a SQL/JSON path finds something in a value. */
  | { readonly kind: 'json path'; readonly operand: Operand }
  | { readonly kind: 'is'; readonly value: IsValue }
  | { readonly kind: 'distinct'; readonly operand: Operand }
  | {
      readonly kind: 'full-text';
      readonly operator: FullTextOperator;
      readonly language: string | null;
      readonly operand: Operand;
    };

export interface Filter {
  readonly kind: 'filter';
  readonly field: Field;
  readonly negated: boolean;
  readonly comparison: Comparison;
}

/** A tree of conditions. */
export type Logic =
  | Filter
  | {
      readonly kind: 'logic';
      readonly operator: 'and' | 'or';
      readonly negated: boolean;
      readonly children: readonly Logic[];
    };

export interface OrderTerm {
  /** The to-one embed whose column orders the rows; null = the rows' own column. */
  readonly relation: string | null;
  readonly field: Field;
  readonly direction: 'asc' | 'desc' | null;
  readonly nulls: 'first' | 'last' | null;
}

/** Something that belongs to an embed; the path names embeds from the root (empty = the root itself). */
export interface Located<T> {
  readonly path: readonly string[];
  readonly value: T;
}

/** Rows to skip and to take; `limit` null = all. */
export interface Range {
  readonly offset: number;
  readonly limit: number | null;
}

/** What is common to everything that answers rows. */
export interface Shape {
  readonly select: readonly SelectItem[];
  /** Filters and logic trees, in the order in which they hold. */
  readonly where: readonly Located<Logic>[];
  readonly order: readonly Located<readonly OrderTerm[]>[];
  /** Ranges of embeds; the root's is `Request.range`. */
  readonly ranges: readonly Located<Range>[];
}

export type Mutation = 'insert' | 'update' | 'upsert' | 'delete';

/** What the request does, to what. Names are of the request's schema. */
export type Action =
  | { readonly kind: 'read'; readonly relation: string; readonly head: boolean }
  | { readonly kind: 'mutate'; readonly relation: string; readonly mutation: Mutation }
  | { readonly kind: 'call'; readonly routine: string; readonly method: 'GET' | 'HEAD' | 'POST' }
  | { readonly kind: 'root'; readonly head: boolean }
  | { readonly kind: 'describe relation'; readonly relation: string }
  | { readonly kind: 'describe routine'; readonly routine: string }
  | { readonly kind: 'describe root' };

/** An argument of a function called by GET. */
export interface Argument {
  readonly name: string;
  readonly operand: Operand;
}

/** The body of a write or a call; its bytes are not part of the shape. */
export type Payload =
  | { readonly kind: 'json'; readonly keys: readonly string[]; readonly isObject: boolean }
  /** An array of objects whose keys differ, which only embeds may do. */
  | { readonly kind: 'mixed json'; readonly keys: readonly string[] }
  /** Keys come from `columns`; the text itself is PostgreSQL's to parse. */
  | { readonly kind: 'unread json'; readonly isObject: boolean }
  /** A form as arguments of a function. */
  | { readonly kind: 'arguments'; readonly arguments: readonly Argument[] }
  /** Text, XML or bytes for a function's single unnamed parameter. */
  | { readonly kind: 'raw' };

/** A page of a list that is walked by cursor. */
export interface PageRequest {
  /** Null = the first page. */
  readonly position: Position | null;
}

/** Where a page begins; see Cursor. */
export interface Position {
  readonly direction: 'after' | 'before';
  readonly inclusive: boolean;
  /** Digest of the order that the values are of. */
  readonly order: string;
  /** Values of the order's keys; null = NULL. */
  readonly values: readonly (Operand | null)[];
}

export interface Preferences {
  readonly resolution: 'merge-duplicates' | 'ignore-duplicates' | null;
  readonly representation: 'full' | 'minimal' | 'headers-only' | null;
  readonly count: 'exact' | 'planned' | 'estimated' | null;
  readonly transaction: 'commit' | 'rollback' | null;
  readonly missing: 'default' | 'null' | null;
  readonly handling: 'strict' | 'lenient' | null;
  readonly timezone: string | null;
  readonly maxAffected: number | null;
  readonly pagination: 'cursor' | null;
  /** What was sent and is not understood, as it was written. */
  readonly invalid: readonly string[];
}

/** A media type that the client accepts or sends. */
export type MediaType =
  | { readonly kind: 'json' | 'geojson' | 'csv' | 'text' | 'xml' | 'openapi' | 'form' | 'bytes' | 'any' }
  | { readonly kind: 'other'; readonly name: string }
  /** A description of the API: OpenAPI 3.1, in a syntax, under the name that it was asked for by. */
  | { readonly kind: 'openapi 3'; readonly syntax: 'json' | 'yaml'; readonly name: string }
  /** One JSON object a line. */
  | { readonly kind: 'ndjson' }
  | { readonly kind: 'event stream' }
  /** CSV, and as much of it as there is. */
  | { readonly kind: 'csv lines' }
  | { readonly kind: 'stripped array' }
  | { readonly kind: 'object'; readonly stripped: boolean }
  | {
      readonly kind: 'plan';
      readonly format: 'json' | 'text';
      readonly of: MediaType;
      readonly options: readonly PlanOption[];
    };

export type PlanOption = 'analyze' | 'verbose' | 'settings' | 'buffers' | 'wal';

/** How the rows of an embed of the body are written: `embed.on_conflict` and `embed.resolution`. */
export type EmbedOption =
  | { readonly kind: 'on_conflict'; readonly columns: readonly string[] }
  | { readonly kind: 'resolution'; readonly resolution: Preferences['resolution'] };

/** A whole request, parsed. */
export interface Request extends Shape {
  readonly action: Action;
  /** `select` or `order` was given. */
  readonly selects: boolean;
  readonly schema: string;
  /** The schema was chosen by a profile header, or is the first of several. */
  readonly profiled: boolean;
  /** The root's rows; `offset` itself is a slot of the plan. */
  readonly range: Range;
  /** Null = rows are not asked for by cursor. */
  readonly page: PageRequest | null;
  /** `columns`, sorted; null = not given. */
  readonly columns: readonly string[] | null;
  readonly onConflict: readonly string[] | null;
  readonly embedOptions: readonly Located<EmbedOption>[];
  /** `on`: the columns by which each object of a PATCH finds its row; null = one change for all rows. */
  readonly on: readonly string[] | null;
  /** Arguments of a call by GET or HEAD. */
  readonly arguments: readonly Argument[];
  /** Names of the filters' fields at the root, for PUT's rule. */
  readonly filterFields: readonly string[];
  readonly payload: Payload | null;
  readonly preferences: Preferences;
  /** In order of preference. */
  readonly accept: readonly MediaType[];
  readonly contentType: MediaType;
}
