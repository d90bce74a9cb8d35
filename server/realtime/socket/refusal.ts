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

/** When a token has expired, as far as it says so itself: for people, nothing is decided by it. */
export function expiryOf(exp: unknown): string {
  const seconds = typeof exp === 'number' ? Math.floor(Date.now() / 1000 - exp) : 0;
  return `Token has expired ${Math.max(seconds, 0)} seconds ago`;
}

/** A token that is refused, for what the protocol calls it. */
export function tokenRefusal(error: unknown, token: string): unknown {
  if (!(error instanceof ApiError) || error.code !== 'PGRST303' || error.message !== 'JWT expired')
    return error;
  const [, payload = ''] = token.split('.');
  const claims: { readonly exp?: unknown } = JSON.parse(Buffer.from(payload, 'base64url').toString());
  return new Refusal(expiryOf(claims.exp));
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
