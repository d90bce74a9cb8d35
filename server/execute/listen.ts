/**
 * Notifications: a connection of its own that listens, reconnects without end, and says so each time it listens
 * again, since what was notified in between is lost. pg-listen holds one connection at a time; that it comes
 * back is seen to here, where a first attempt that fails, a loss amid LISTEN and a close amid an attempt are
 * the same as any other loss.
 */
import pgListen from 'pg-listen';
import type { Observe } from '../observe/observation.ts';
import { parseConnectionString } from './connection-string.ts';

export interface ListenOptions {
  readonly dbUri: string;
  readonly channels: readonly string[];
  /** Called at each notification. */
  readonly onNotification: (channel: string, payload: string) => void;
  /** Called each time all channels are listened to, the first time included. */
  readonly onListening: () => void;
}

export interface Listener {
  /** Resolves when the first attempt has ended, well or not. */
  readonly attempted: Promise<void>;
  /** Whether notifications arrive. */
  readonly isListening: () => boolean;
  /** Ends it. Nothing is called back any more. */
  readonly close: () => Promise<void>;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8000;
/** For connecting, and for the question that tells a dead connection from a quiet one. */
const PATIENCE_MS = 10_000;

const pauseBefore = (attempt: number): number => Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS);

type Subscriber = ReturnType<typeof pgListen.default>;

function subscribe({ dbUri }: ListenOptions): Subscriber {
  return pgListen.default(
    {
      ...parseConnectionString(dbUri),
      application_name: 'aura listener',
      connectionTimeoutMillis: PATIENCE_MS,
      query_timeout: PATIENCE_MS,
      keepAliveInitialDelayMillis: PATIENCE_MS,
    },
    // 1: a loss is an error event and nothing else; payloads are text
    { retryLimit: 1, parse: (text) => text },
  );
}

/** Begins to listen and goes on until it is closed; a database that is away is waited for. */
export function startListening(options: ListenOptions, observe: Observe): Listener {
  const channels = [...new Set(options.channels)];
  const channel = channels.join(', ');
  let closed = false;
  let current: Subscriber | null = null;
  let isListening = false;
  let failures = 0;
  let retry: NodeJS.Timeout | undefined;

  const open = async (): Promise<void> => {
    const subscriber = subscribe(options);
    current = subscriber;
    const lost = (error: unknown): void => {
      if (closed || current !== subscriber) return;
      current = null;
      isListening = false;
      observe({ kind: 'listener lost', channel, error });
      // whatever is left of it: the error that counts is known
      void Promise.resolve(subscriber.close()).catch(() => undefined);
      retry = setTimeout(() => void open(), pauseBefore(failures));
      failures += 1;
    };
    subscriber.events.on('error', (cause) => lost(new Error('the connection ended', { cause })));
    subscriber.events.on('notification', ({ channel: from, payload }) => {
      if (!closed) options.onNotification(from, typeof payload === 'string' ? payload : '');
    });
    try {
      await subscriber.connect();
      for (const name of channels) await subscriber.listenTo(name);
    } catch (error) {
      lost(error);
      return;
    }
    if (closed || current !== subscriber) return;
    isListening = true;
    failures = 0;
    observe({ kind: 'listener connected', channel });
    options.onListening();
  };

  return {
    attempted: open(),
    isListening: () => isListening,
    close: async () => {
      closed = true;
      clearTimeout(retry);
      // a connection that is lost already has nothing more to say
      const closing = Promise.resolve(current?.close()).catch(() => undefined);
      // an attempt that goes on may take its time to notice
      if (isListening) await closing;
      isListening = false;
    },
  };
}
