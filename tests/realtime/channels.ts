/** What tests of channels have in common: a database with them, and a client that speaks the protocol as it is. */
import { readFileSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { type Api, tokenFor } from '../support/api.ts';

const sqlFile = (name: string): string =>
  readFileSync(new URL(`../../sql/realtime/${name}`, import.meta.url), 'utf8');

/** Everything of realtime, as an installer runs it. */
export const INSTALL = ['capture.sql', 'grants.sql', 'messages.sql', 'channels.sql', 'channel-grants.sql']
  .map(sqlFile)
  .join(';\n');

/** A message of the server. */
export interface Heard {
  readonly joinRef: string | null;
  readonly ref: string | null;
  readonly topic: string;
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test says itself what it expects
  readonly payload: any;
}

export interface Client {
  readonly socket: WebSocket;
  /** Everything that came, in its order. */
  readonly heard: Heard[];
  /** Frames as they came. */
  readonly frames: (string | Buffer)[];
  readonly send: (message: unknown) => void;
  /** Sends a message that is answered; gives the answer's payload. */
  // biome-ignore lint/suspicious/noExplicitAny: a test says itself what it expects
  readonly call: (topic: string, event: string, payload?: unknown, joinRef?: string) => Promise<any>;
  /** Joins; the join's reference is `joinRef`. */
  // biome-ignore lint/suspicious/noExplicitAny: a test says itself what it expects
  readonly join: (topic: string, config?: unknown, more?: Record<string, unknown>) => Promise<any>;
  readonly push: (topic: string, event: string, payload: unknown) => void;
  /** Resolves with the first message, among those that came and will come, for which this holds. */
  readonly until: (holds: (message: Heard) => boolean, what?: string) => Promise<Heard>;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly close: () => void;
}

export interface ConnectOptions {
  readonly version?: '1.0.0' | '2.0.0';
  /** A role, or claims. */
  readonly as?: string | Record<string, unknown>;
  readonly headers?: Record<string, string>;
}

/** Longer than anything takes that works. */
const PATIENCE_MS = 8000;

function decode(version: string, frame: string | Buffer): Heard {
  if (Buffer.isBuffer(frame)) {
    const [kind, ofTopic = 0, ofEvent = 0, ofMeta = 0, encoding] = frame;
    if (kind !== 4) throw new Error(`a binary frame of kind ${kind}`);
    const parts = [ofTopic, ofEvent, ofMeta];
    let at = 5;
    const [topic = '', event = '', meta = ''] = parts.map((length) => {
      at += length;
      return frame.subarray(at - length, at).toString();
    });
    const rest = frame.subarray(at);
    const payload = encoding === 1 ? JSON.parse(rest.toString()) : rest;
    const more = meta === '' ? {} : { meta: JSON.parse(meta) };
    return {
      joinRef: null,
      ref: null,
      topic,
      event: 'broadcast',
      payload: { type: 'broadcast', event, payload, ...more },
    };
  }
  const value = JSON.parse(frame);
  if (version === '1.0.0') return { joinRef: null, ...value };
  const [joinRef, ref, topic, event, payload] = value;
  return { joinRef, ref, topic, event, payload };
}

/** Connects to a server. Rejects where it refuses. */
export async function connect(
  api: Pick<Api, 'port'>,
  { version = '2.0.0', as = 'anon', headers = {} }: ConnectOptions = {},
): Promise<Client> {
  const url = `ws://127.0.0.1:${api.port}/realtime/v1/websocket?apikey=${tokenFor(as)}&vsn=${version}`;
  const socket = new WebSocket(url, { headers });
  const heard: Heard[] = [];
  const frames: (string | Buffer)[] = [];
  const changed = new EventTarget();
  socket.on('message', (data: Buffer, isBinary) => {
    const frame = isBinary ? data : data.toString();
    frames.push(frame);
    heard.push(decode(version, frame));
    changed.dispatchEvent(new Event('heard'));
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.once('error', reject);
  });
  socket.on('error', () => undefined);
  onTestFinished(() => socket.terminate());
  let refs = 0;
  const joined = new Map<string, string>();
  const nextRef = (): string => {
    refs += 1;
    return String(refs);
  };
  const write = (joinRef: string | null, ref: string, topic: string, event: string, payload: unknown): void =>
    socket.send(
      JSON.stringify(
        version === '2.0.0'
          ? [joinRef, ref, topic, event, payload]
          : { topic, event, payload, ref, join_ref: joinRef },
      ),
    );
  const until: Client['until'] = (holds, what = 'a message') =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        changed.removeEventListener('heard', look);
        reject(new Error(`${what} did not come; heard ${JSON.stringify(heard).slice(-2000)}`));
      }, PATIENCE_MS);
      const look = (): void => {
        const found = heard.find(holds);
        if (!found) return;
        clearTimeout(timer);
        changed.removeEventListener('heard', look);
        resolve(found);
      };
      changed.addEventListener('heard', look);
      look();
    });
  const answered = async (ref: string) =>
    (await until((message) => message.event === 'phx_reply' && message.ref === ref, `the answer to ${ref}`))
      .payload;
  return {
    socket,
    heard,
    frames,
    closed,
    until,
    send: (message) =>
      socket.send(
        typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message),
      ),
    call: (topic, event, payload = {}, joinRef = joined.get(topic)) => {
      const ref = nextRef();
      write(joinRef ?? null, ref, topic, event, payload);
      return answered(ref);
    },
    join: (topic, config = {}, more = {}) => {
      const ref = nextRef();
      joined.set(topic, ref);
      write(ref, ref, topic, 'phx_join', { config, ...more });
      return answered(ref);
    },
    push: (topic, event, payload) => write(joined.get(topic) ?? null, nextRef(), topic, event, payload),
    close: () => socket.close(),
  };
}

/** A moment in which what should not come would have come. */
export const aMoment = (milliseconds = 150): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));
