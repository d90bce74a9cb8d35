/** What went wrong, in PostgreSQL's four fields and HTTP's status. */

interface Fields {
  readonly code: string;
  readonly message: string;
  readonly details: unknown;
  readonly hint: string | null;
  readonly status: number;
}

/**
 * An error of the server, or of the way there: `NETWORK` (no answer), `TIMEOUT`, `ABORTED`, `ANSWER` (what answered
 * was not the server), each with status 0 or the answer's.
 */
export class AuraError extends Error {
  override readonly name = 'AuraError';
  readonly code: string;
  readonly details: unknown;
  readonly hint: string | null;
  readonly status: number;

  constructor({ code, message, details, hint, status }: Fields, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
    this.hint = hint;
    this.status = status;
  }
}

/** An error of the client's own. */
export const ownError = (code: string, message: string, status = 0, cause?: unknown): AuraError =>
  new AuraError({ code, message, details: null, hint: null, status }, cause);

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** The error in an answer: in its body, or of an answer to HEAD, which has none, in a header. */
export const errorFrom = (status: number, body: string, headers?: Headers): AuraError => {
  const named = /\berror=([\w-]+)/.exec(headers?.get('proxy-status') ?? '')?.[1];
  if (body === '' && named !== undefined) return ownError(named, `The server answered ${status}`, status);
  try {
    const { code, message, details, hint } = JSON.parse(body);
    if (typeof message === 'string') {
      return new AuraError({
        code: text(code) ?? '',
        message,
        details: details ?? null,
        hint: text(hint),
        status,
      });
    }
  } catch {
    // an answer of a proxy, most likely; said below
  }
  return ownError('ANSWER', body.slice(0, 200) || `The server answered ${status}`, status);
};

/** What is asked for either is there, or why not is. */
export type Result<Data> =
  | {
      readonly ok: true;
      readonly data: Data;
      readonly error: null;
      readonly status: number;
      /** Of all rows that fit the filters, where it was asked for. */
      readonly count: number | null;
      readonly headers: Headers;
    }
  | {
      readonly ok: false;
      readonly data: null;
      readonly error: AuraError;
      readonly status: number;
      readonly count: null;
      readonly headers: Headers;
    };
