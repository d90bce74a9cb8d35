/**
 * The one error shape that leaves the server: PostgreSQL's four fields, an HTTP status and, where the
 * protocol asks for them, headers. Rooms throw ApiError for what the caller did; anything else that is
 * thrown is a defect and becomes a 500 without details.
 */

/** What a response body carries, key for key. */
export interface ErrorFields {
  readonly code: string;
  readonly message: string;
  /** Text, or for some codes (PGRST201 ...) a JSON value. */
  readonly details: unknown;
  readonly hint: string | null;
}

/** A refusal with a code, made for the caller. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: string;
  readonly details: unknown;
  readonly hint: string | null;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Members beside the four fields: where in a batch it happened. */
  readonly more: Readonly<Record<string, unknown>>;

  constructor(init: {
    code: string;
    message: string;
    status: number;
    details?: unknown;
    hint?: string | null;
    headers?: Readonly<Record<string, string>>;
    more?: Readonly<Record<string, unknown>>;
    cause?: unknown;
  }) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.status = init.status;
    this.details = init.details ?? null;
    this.hint = init.hint ?? null;
    this.headers = init.headers ?? {};
    this.more = init.more ?? {};
  }

  /** The body of the response, in PostgREST's key order. */
  fields(): ErrorFields {
    return { code: this.code, details: this.details, hint: this.hint, message: this.message };
  }
}
