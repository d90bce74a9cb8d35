/**
 * Subscribers of the realtime bench, in a process of their own: WebSockets that join one channel each, in Phoenix's
 * protocol, and Server-Sent Events. They are read without a library, since thousands of them are to take less time than
 * the server. Told what to do over standard input, a JSON object a line; what they saw goes out the same way.
 *
 *   {"do": "open", "kind": "socket" | "stream" | "broadcast", "count": 100, "tokens": ["eyJ..."]}   → {"joined": 100, "seconds": 0.1}
 *   {"do": "start"}                                                                   → {}
 *   {"do": "report"}        → {"received": 1000, "least": 10, "most": 10, "p50": 1, "p95": 2, "p99": 3}, milliseconds
 *   {"do": "close"}                                                                   → {}
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const [url = '', key = ''] = process.argv.slice(2);
const { hostname, port } = new URL(url);

/** Joins that are on their way at a time. */
const AT_ONCE = 64;
/** What a change carries: the microsecond of the epoch at which its row was written. */
const MARK = Buffer.from('"sent":');
/** The mark, its number, and what must stand behind it in both protocols. */
const LONGEST_MARK = 25;

const now = (): number => performance.timeOrigin + performance.now();

let latencies = new Float64Array(1 << 16);
let samples = 0;
let subscribers: Subscriber[] = [];

const note = (milliseconds: number): void => {
  if (samples === latencies.length) {
    const larger = new Float64Array(samples * 2);
    larger.set(latencies);
    latencies = larger;
  }
  latencies[samples++] = milliseconds;
};

/** A channel that follows a table, a live query, a channel that takes messages. */
type Kind = 'socket' | 'stream' | 'broadcast';

const CHANGES = [{ event: 'INSERT', schema: 'public', table: 'moments' }];

/** One connection, as cheap as can be: what arrives is searched for marks. */
class Subscriber {
  readonly #socket: Socket;
  #received = 0;
  #rest: Buffer = Buffer.alloc(0);
  #isSocket = false;
  #isJoined: (() => void) | null = null;

  constructor() {
    this.#socket = connect(Number(port), hostname);
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (piece) => this.#read(piece));
    this.#socket.on('error', (error) => fail(error));
    this.#socket.on('close', () => {
      if (subscribers.includes(this)) fail(new Error('a subscriber was disconnected'));
    });
  }

  get received(): number {
    return this.#received;
  }

  forget(): void {
    this.#received = 0;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Streams say nothing. */
  beat(heartbeat: Buffer): void {
    if (this.#isSocket) this.#socket.write(heartbeat);
  }

  /** Resolves when the server says that it is joined. */
  join(kind: Kind, token: string): Promise<void> {
    const joined = new Promise<void>((resolve) => {
      this.#isJoined = resolve;
    });
    const head = (path: string, more: readonly string[]): string =>
      [`GET ${path} HTTP/1.1`, `Host: ${hostname}:${port}`, ...more, '', ''].join('\r\n');
    if (kind === 'stream') {
      const path = '/rest/v1/moments?select=id,sent&id=gt.0';
      this.#socket.write(head(path, ['Accept: text/event-stream', `Authorization: Bearer ${token}`]));
      return joined;
    }
    this.#isSocket = true;
    const upgrade = [
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ];
    this.#socket.write(head(`/realtime/v1/websocket?vsn=1.0.0&apikey=${key}`, upgrade));
    this.#socket.write(
      frame({
        topic: 'realtime:bench',
        event: 'phx_join',
        payload: {
          config: { postgres_changes: kind === 'socket' ? CHANGES : [] },
          access_token: token,
        },
        ref: '1',
        join_ref: '1',
      }),
    );
    return joined;
  }

  #read(piece: Buffer): void {
    if (this.#isJoined !== null) {
      this.#awaitJoin(piece);
      return;
    }
    const at = now();
    const text = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    let from = 0;
    for (;;) {
      const mark = text.indexOf(MARK, from);
      // the number is whole when something stands behind it
      if (mark < 0 || mark + LONGEST_MARK > text.length) break;
      let sent = 0;
      // jsonb has a space there
      let digit = mark + MARK.length + (text[mark + MARK.length] === 0x20 ? 1 : 0);
      for (; (text[digit] ?? 0) >= 48 && (text[digit] ?? 0) <= 57; digit++)
        sent = sent * 10 + (text[digit] ?? 0) - 48;
      note(at - sent / 1000);
      this.#received += 1;
      from = digit;
    }
    // a mark may begin in one piece and end in the next; a copy, or it would hold all of what was read
    this.#rest = Buffer.from(text.subarray(Math.max(from, text.length - LONGEST_MARK)));
  }

  #awaitJoin(piece: Buffer): void {
    const text = Buffer.concat([this.#rest, piece]);
    this.#rest = text;
    const said = text.toString('latin1');
    if (/^HTTP\/1.1 [345]/.test(said) || said.includes('"status":"error"')) {
      fail(new Error(`a subscriber was refused: ${said.slice(0, 500)}`));
    }
    if (!/"status":"ok"|event: snapshot[\s\S]*\n\n/.test(said)) return;
    this.#rest = Buffer.alloc(0);
    const isJoined = this.#isJoined;
    this.#isJoined = null;
    isJoined?.();
  }
}

/** A client's frame of text (RFC 6455 section 5.2), masked with zeros. */
function frame(message: unknown): Buffer {
  const payload = Buffer.from(JSON.stringify(message));
  const length =
    payload.length < 126 ? [0x80 | payload.length] : [0x80 | 126, payload.length >> 8, payload.length & 255];
  return Buffer.concat([Buffer.from([0x81, ...length, 0, 0, 0, 0]), payload]);
}

function fail(error: Error): never {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

const HEARTBEAT = frame({ topic: 'phoenix', event: 'heartbeat', payload: {}, ref: 'h', join_ref: null });

interface Order {
  readonly do: 'open' | 'start' | 'report' | 'close';
  readonly kind?: Kind;
  readonly count?: number;
  readonly tokens?: readonly string[];
}

async function open({ kind = 'socket', count = 1, tokens = [] }: Order): Promise<object> {
  const began = now();
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const subscriber = new Subscriber();
      const token = tokens[next++ % tokens.length] ?? '';
      await subscriber.join(kind, token);
      subscribers.push(subscriber);
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, worker));
  return { joined: subscribers.length, seconds: (now() - began) / 1000 };
}

function report(): object {
  const sorted = latencies.subarray(0, samples).toSorted();
  const at = (share: number): number =>
    sorted[Math.min(samples - 1, Math.floor(samples * share))] ?? Number.NaN;
  const counts = subscribers.map(({ received }) => received);
  return {
    received: counts.reduce((sum, one) => sum + one, 0),
    least: Math.min(...counts),
    most: Math.max(...counts),
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
  };
}

async function obey(order: Order): Promise<object> {
  switch (order.do) {
    case 'open':
      return open(order);
    case 'report':
      return report();
    case 'start':
      samples = 0;
      for (const subscriber of subscribers) subscriber.forget();
      return {};
    case 'close': {
      const all = subscribers;
      subscribers = [];
      for (const subscriber of all) subscriber.close();
      return {};
    }
  }
}

const HEARTBEAT_MS = 25_000;
setInterval(() => {
  for (const subscriber of subscribers) subscriber.beat(HEARTBEAT);
}, HEARTBEAT_MS).unref();

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await obey(JSON.parse(line)))}\n`);
}
process.exit(0);
