/**
 * From a request to an answer: who asks, interceptors, the time limit, and retries of what may be sent again: reads,
 * where no answer came or one that says that another try may help. Pauses grow and vary ("full jitter"), and
 * `Retry-After` is obeyed (RFC 9110, 10.2.3).
 */
import { AuraError, ownError } from './error.ts';

/** What interceptors see: a request, and how to go on with it. */
export type Interceptor = (
  request: Request,
  next: (request: Request) => Promise<Response>,
) => Promise<Response>;

export interface Retries {
  /** How often to try, the first time included. */
  readonly attempts: number;
  /** Milliseconds: the first pause at most, and the longest. */
  readonly pause: number;
  readonly longest: number;
}

export interface Transport {
  readonly fetch: typeof fetch;
  readonly interceptors: readonly Interceptor[];
  readonly retries: Retries;
  /** Milliseconds for a call with all of its tries; 0 = no limit. */
  readonly timeout: number;
}

export interface Call {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly timeout: number | undefined;
  readonly retries: number | undefined;
}

const AGAIN: readonly number[] = [408, 425, 429, 502, 503, 504, 520];

/** Whether another try may help; 0 = there was no answer. */
export const isPassing = (status: number): boolean => status === 0 || AGAIN.includes(status);

/** Milliseconds until the server wants to be asked again; null = it does not say. */
const retryAfter = (response: Response): number | null => {
  const said = response.headers.get('retry-after');
  if (said === null) return null;
  const seconds = Number(said);
  const at = Number.isNaN(seconds) ? Date.parse(said) - Date.now() : seconds * 1000;
  return Number.isNaN(at) ? null : Math.max(0, at);
};

const sleep = (milliseconds: number, signal: AbortSignal | null): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', stop, { once: true });
  });

/** One request by way of the interceptors. */
export const through = ({ interceptors, fetch }: Transport): ((request: Request) => Promise<Response>) =>
  // not as a method: a browser's own refuses to be called as somebody else's
  interceptors.reduceRight<(request: Request) => Promise<Response>>(
    (next, interceptor) => (request) => interceptor(request, next),
    (request) => fetch(request),
  );

/**
 * Sends a call and gives the answer, whatever its status.
 * @throws AuraError NETWORK, TIMEOUT or ABORTED where there is none
 */
export const send = async (
  transport: Transport,
  call: Call,
): Promise<{ response: Response; body: string }> => {
  const { retries } = transport;
  const limit = call.timeout ?? transport.timeout;
  const signals = [...(call.signal ? [call.signal] : []), ...(limit > 0 ? [AbortSignal.timeout(limit)] : [])];
  const signal = signals.length > 0 ? AbortSignal.any(signals) : null;
  const once = through(transport);
  const isSafe = call.method === 'GET' || call.method === 'HEAD';
  const attempts = isSafe ? (call.retries ?? retries.attempts) : 1;
  for (let attempt = 1; ; attempt++) {
    let pause = Math.random() * Math.min(retries.longest, retries.pause * 2 ** (attempt - 1));
    try {
      signal?.throwIfAborted();
      const { url, method, headers, body } = call;
      const response = await once(new Request(url, { method, headers, body: body ?? null, signal }));
      if (attempt >= attempts || !isPassing(response.status))
        return { response, body: await response.text() };
      const wished = retryAfter(response);
      // longer than anybody waits: the answer says it to the caller
      if (wished !== null && wished > retries.longest) return { response, body: await response.text() };
      // not waited for: whoever else reads the answer may take their time
      response.body?.cancel().catch(() => undefined);
      pause = wished ?? pause;
    } catch (error) {
      if (error instanceof AuraError) throw error;
      if (call.signal?.aborted) throw ownError('ABORTED', 'The call was given up', 0, error);
      if (signal?.aborted) throw ownError('TIMEOUT', `There was no answer within ${limit} ms`, 0, error);
      if (attempt >= attempts)
        throw ownError('NETWORK', `The server cannot be reached: ${String(error)}`, 0, error);
    }
    await sleep(pause, signal).catch(() => undefined);
  }
};
