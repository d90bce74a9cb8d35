/** A client of live queries: it keeps what it is told, as docs/live-queries.md says that clients shall. */
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { expect } from 'vitest';
import { type Api, type ApiRequest, tokenFor } from './api.ts';

export interface LiveEvent {
  readonly event: string;
  readonly id: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: a test says itself what shape it expects
  readonly data: any;
}

/** A row's key as text, and its JSON as it came. */
export type State = ReadonlyMap<string, string>;

export interface Following {
  readonly path: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The body of a refusal. */
  // biome-ignore lint/suspicious/noExplicitAny: a test says itself what shape it expects
  readonly refusal: any;
  readonly events: readonly LiveEvent[];
  /** Comments: heartbeats. */
  readonly comments: () => number;
  /** What a client has by now. */
  readonly state: () => State;
  /** Its rows in their order, parsed. */
  readonly rows: () => readonly unknown[];
  readonly lastId: () => string | null;
  /** Events since the last call, as `insert {"id":1}`; waits until there are so many. */
  readonly next: (count?: number) => Promise<readonly string[]>;
  readonly isClosed: () => boolean;
  /** What was told that cannot be; null = nothing. */
  readonly failure: () => Error | null;
  /** Hangs up. */
  readonly leave: () => void;
  readonly incoming: IncomingMessage;
}

export interface FollowOptions extends Pick<ApiRequest, 'as' | 'headers'> {
  readonly lastId?: string | null;
  /** What the client had. */
  readonly state?: State;
  /** Reads nothing. */
  readonly paused?: boolean;
}

/** The texts of the values of a JSON array: numbers keep their digits. */
const textsOf = (array: string): readonly string[] => {
  const texts: string[] = [];
  let depth = 0;
  let start = 1;
  let inString = false;
  for (let at = 0; at < array.length; at += 1) {
    const char = array[at];
    if (inString) {
      if (char === '\\') at += 1;
      else if (char === '"') inString = false;
      continue;
    }
    if (char === '"') inString = true;
    else if (char === '[' || char === '{') depth += 1;
    else if (char === ']' || char === '}') depth -= 1;
    if ((char === ',' && depth === 1) || (char === ']' && depth === 0)) {
      const text = array.slice(start, at).trim();
      if (text !== '') texts.push(text);
      start = at + 1;
    }
  }
  return texts;
};

/** The value of a member of an object, as text; the members that come here are the protocol's own. */
function memberOf(object: string, name: string): string | null {
  const inside = textsOf(`[${object.slice(1, -1)}]`);
  const found = inside.find((text) => text.startsWith(`"${name}":`));
  return found === undefined ? null : found.slice(name.length + 3);
}

/** A list of rows to which events are applied. */
class Rows {
  #rows: [key: string, row: string][];

  constructor(state: State) {
    this.#rows = [...state];
  }

  apply(event: string, data: string): void {
    if (event === 'snapshot' || event === 'reset') {
      const keys = textsOf(memberOf(data, 'keys') ?? '[]');
      const rows = textsOf(memberOf(data, 'rows') ?? '[]');
      expect(rows.length).toBe(keys.length);
      this.#rows = keys.map((key, index) => [key, rows[index] ?? '']);
      return;
    }
    const key = memberOf(data, 'key') ?? '';
    const at = this.#rows.findIndex(([known]) => known === key);
    if (event === 'delete') {
      // who has had the row is told of its end, and nobody else
      expect(at, `delete of ${key}, which was not there`).toBeGreaterThanOrEqual(0);
      this.#rows.splice(at, 1);
      return;
    }
    const row = memberOf(data, 'row') ?? '';
    const after = memberOf(data, 'after');
    if (after === null) {
      if (at < 0) this.#rows.push([key, row]);
      else this.#rows[at] = [key, row];
      return;
    }
    if (at >= 0) this.#rows.splice(at, 1);
    const before = after === 'null' ? -1 : this.#rows.findIndex(([known]) => known === after);
    if (after !== 'null') expect(before, `after ${after}, which is not there`).toBeGreaterThanOrEqual(0);
    this.#rows.splice(before + 1, 0, [key, row]);
  }

  state(): State {
    return new Map(this.#rows);
  }
}

const DATA_EVENTS: ReadonlySet<string> = new Set(['snapshot', 'reset', 'insert', 'update', 'delete']);

/** Begins to follow; the path is below `/rest/v1`. */
export async function follow(
  api: Pick<Api, 'port'>,
  path: string,
  { as, headers = {}, lastId = null, state = new Map(), paused = false }: FollowOptions = {},
): Promise<Following> {
  const outgoing = request({
    ...{ host: '127.0.0.1', port: api.port, path: `/rest/v1${path}`, agent: false },
    headers: {
      Accept: 'text/event-stream',
      ...(as === undefined ? {} : { Authorization: `Bearer ${tokenFor(as)}` }),
      ...(lastId === null ? {} : { 'Last-Event-ID': lastId }),
      ...(headers as Record<string, string>),
    },
  });
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
    outgoing.end();
  });
  const { statusCode = 0 } = incoming;
  const events: LiveEvent[] = [];
  const rows = new Rows(state);
  let id = lastId;
  let pending = '';
  let taken = 0;
  let comments = 0;
  let isClosed = false;
  let failure: Error | null = null;
  /** What has been applied as far as a bookmark: what came behind the last one is forgotten when the line breaks. */
  let kept: { id: string | null; state: State } = { id, state };
  const read = (frame: string): void => {
    let event = 'message';
    const data: string[] = [];
    let own: string | null = null;
    for (const line of frame.split('\n')) {
      if (line.startsWith(':')) comments += 1;
      else if (line.startsWith('event: ')) event = line.slice(7);
      else if (line.startsWith('data: ')) data.push(line.slice(6));
      else if (line.startsWith('id: ')) own = line.slice(4);
      else if (line !== '') throw new Error(`no line of an event stream: ${line}`);
    }
    if (own !== null) id = own;
    if (data.length > 0) {
      const text = data.join('\n');
      events.push({ event, id: own, data: JSON.parse(text) });
      if (DATA_EVENTS.has(event)) rows.apply(event, text);
    }
    if (own !== null) kept = { id, state: rows.state() };
  };
  let refused = '';
  incoming.setEncoding('utf8');
  if (!paused) {
    incoming.on('data', (chunk: string) => {
      if (statusCode !== 200) {
        refused += chunk;
        return;
      }
      const frames = `${pending}${chunk}`.split('\n\n');
      pending = frames.pop() ?? '';
      try {
        for (const frame of frames) read(frame);
      } catch (error) {
        failure ??= error instanceof Error ? error : new Error(String(error));
        outgoing.destroy();
      }
    });
  }
  incoming.once('close', () => {
    isClosed = true;
  });
  incoming.on('error', () => undefined);
  if (statusCode !== 200) await new Promise((resolve) => incoming.once('end', resolve));
  return {
    ...{ path, status: statusCode, headers: incoming.headers, events, incoming },
    refusal: refused === '' ? null : JSON.parse(refused),
    comments: () => comments,
    state: () => (isClosed ? kept.state : rows.state()),
    rows: () => [...rows.state().values()].map((row) => JSON.parse(row)),
    lastId: () => kept.id,
    next: async (count = 1) => {
      await expect.poll(() => events.length - taken, { timeout: 5000 }).toBeGreaterThanOrEqual(count);
      const fresh = events.slice(taken);
      taken = events.length;
      return fresh.map(({ event, data }) => (data.key ? `${event} ${JSON.stringify(data.key)}` : event));
    },
    isClosed: () => isClosed,
    failure: () => failure,
    leave: () => outgoing.destroy(),
  };
}
