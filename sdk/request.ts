/** A query as plain data, and what becomes of it: a request, and what the body of its answer means. */
import { AuraError, errorFrom, ownError, type Result } from './error.ts';
import type { WebSocketLike } from './realtime/web-socket.ts';
import { type Call, send, type Transport } from './transport.ts';

/** How a client speaks for somebody. */
export interface Connection extends Transport {
  /** Of the REST API, without a slash at its end. */
  readonly url: string;
  /** Headers for everything: key, token, the user's own. */
  readonly headers: () => Promise<Headers>;
  /** Tells clients apart, for caches. */
  readonly scope: string;
  /** Where channels are. */
  readonly socketUrl: () => string;
  readonly openSocket: (url: string) => WebSocketLike;
}

export interface State {
  readonly connection: Connection;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE';
  /** `/tasks` */
  readonly path: string;
  /** Names and values, percent-encoded. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
  readonly schema: string;
  readonly prefer: readonly string[];
  readonly accept: string;
  /** What the body is made of; undefined = there is none. */
  readonly body: unknown;
  readonly shape: 'rows' | 'one' | 'maybe' | 'text' | 'nothing';
  readonly signal: AbortSignal | undefined;
  readonly timeout: number | undefined;
  readonly retries: number | undefined;
}

/** The path with its query, as batches write it, too. */
export const pathOf = ({ path, parameters }: State): string =>
  parameters.length === 0
    ? path
    : `${path}?${parameters.map(([name, value]) => `${name}=${value}`).join('&')}`;

/** The headers that a query needs beside those of its client. */
export const headersOf = ({ method, schema, prefer, accept, body }: State): Record<string, string> => ({
  accept,
  ...(schema === ''
    ? {}
    : { [method === 'GET' || method === 'HEAD' ? 'accept-profile' : 'content-profile']: schema }),
  ...(prefer.length === 0 ? {} : { prefer: prefer.join(', ') }),
  ...(body === undefined ? {} : { 'content-type': 'application/json' }),
});

/** Sends a query as it is described; `more` headers come on top. */
export const request = async (
  state: State,
  more: Readonly<Record<string, string>> = {},
  url = state.connection.url + pathOf(state),
): Promise<{ response: Response; body: string }> => {
  const headers = await state.connection.headers();
  for (const [name, value] of Object.entries({ ...headersOf(state), ...more })) headers.set(name, value);
  const call: Call = {
    url,
    method: state.method,
    headers,
    body: state.body === undefined ? undefined : JSON.stringify(state.body),
    signal: state.signal,
    timeout: state.timeout,
    retries: state.retries,
  };
  return send(state.connection, call);
};

/** What the body of an answer means. @throws AuraError */
export const read = (shape: State['shape'], status: number, body: string): unknown => {
  if (shape === 'text') return body;
  if (shape === 'nothing' || body === '') return null;
  const data: unknown = parse(status, body);
  if (shape !== 'maybe') return data;
  if (!Array.isArray(data)) return data;
  if (data.length > 1) throw ownError('PGRST116', 'There is more than one row', 406);
  return data[0] ?? null;
};

const parse = (status: number, body: string): unknown => {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw ownError('ANSWER', 'The answer is no JSON', status, error);
  }
};

const countOf = (headers: Headers): number | null => {
  const total = headers.get('content-range')?.split('/')[1];
  return total === undefined || total === '*' ? null : Number(total);
};

export const run = async <Data>(state: State): Promise<Result<Data>> => {
  let headers = new Headers();
  try {
    const { response, body } = await request(state);
    headers = response.headers;
    const { status } = response;
    if (!response.ok) throw errorFrom(status, body, headers);
    const data = read(state.shape, status, body) as Data;
    return { ok: true, data, error: null, status, count: countOf(headers), headers };
  } catch (error) {
    if (!(error instanceof AuraError)) throw error;
    return { ok: false, data: null, error, status: error.status, count: null, headers };
  }
};
