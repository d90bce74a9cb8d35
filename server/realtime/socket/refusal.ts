/**
 * Why a channel cannot be joined, or goes on no longer, in the one text that the protocol has for it.
 */
import { ApiError } from '../../errors/error.ts';
import type { Observe } from '../../observe/observation.ts';

/** A reason in the words of the protocol. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

/** What PostgreSQL or the planner says, in a sentence. */
export function sentenceOf({ code, message, details, hint }: ApiError): string {
  const more = [details, hint].filter((text): text is string => typeof text === 'string' && text !== '');
  return `${code}: ${[message, ...more].join('. ')}`;
}

/** The reason of an error; what nobody foresaw is observed, and told without details. */
export function reasonFor(error: unknown, observe: Observe): string {
  if (error instanceof Refusal) return error.message;
  if (error instanceof ApiError) {
    const isToken = error.status === 401 && error.code.startsWith('PGRST30');
    return isToken ? `InvalidJWTToken: ${error.message}` : sentenceOf(error);
  }
  observe({ kind: 'defect', error, requestId: null });
  return 'UnknownErrorOnChannel: Something went wrong';
}

/** Whether it is no fault of the client's, which may try again. */
export const isPassing = (error: unknown): boolean =>
  !(error instanceof Refusal || (error instanceof ApiError && error.status < 500));
