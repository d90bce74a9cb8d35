/**
 * A start that cannot go on: one sentence about what is wrong and one about what to do. The command line
 * prints both and exits with 1; no stack trace, since nothing is defective.
 */

/** The reason a command cannot do its work here and now, made for the person at the terminal. */
export class StartError extends Error {
  override readonly name = 'StartError';
  /** What to do about it; `null` where the message says it all. */
  readonly hint: string | null;

  constructor(message: string, hint: string | null = null, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.hint = hint;
  }
}

/** The `code` of a Node system error (`ENOENT`, `EACCES` ...), or `null` for anything else. */
export const systemCode = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
