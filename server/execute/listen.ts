/**
 * Notifications: a connection of its own that listens, reconnects by itself without end, and says so each time
 * it is connected, since what was notified in between is lost.
 */
import pgListen from 'pg-listen';
import type { Observe } from '../observe/observation.ts';
import { parseConnectionString } from './connection-string.ts';

export interface ListenOptions {
  readonly dbUri: string;
  readonly channels: readonly string[];
  /** Called at each notification. */
  readonly onNotification: (channel: string, payload: string) => void;
  /** Called each time the connection stands, the first time included. */
  readonly onConnected: () => void;
}

export interface Listener {
  readonly close: () => Promise<void>;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8000;

const pauseBefore = (attempt: number): number => Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS);

/** Begins to listen and goes on until it is closed; a database that is away is waited for. */
export function startListening(options: ListenOptions, observe: Observe): Listener {
  const channels = [...new Set(options.channels)];
  const named = channels.join(', ');
  let closed = false;
  let current = open();
  let retry: NodeJS.Timeout | undefined;

  function open() {
    const subscriber = pgListen.default(
      { ...parseConnectionString(options.dbUri), application_name: 'aura listener' },
      // 0: never give up; payloads are text
      { retryTimeout: 0, retryInterval: pauseBefore, parse: (text) => text },
    );
    subscriber.events.on('notification', ({ channel, payload }) =>
      options.onNotification(channel, typeof payload === 'string' ? payload : ''),
    );
    subscriber.events.on('connected', () => {
      observe({ kind: 'listener connected', channel: named });
      options.onConnected();
    });
    subscriber.events.on('error', (error) => observe({ kind: 'listener lost', channel: named, error }));
    return subscriber;
  }

  const connect = async (attempt: number): Promise<void> => {
    try {
      await current.connect();
      for (const channel of channels) await current.listenTo(channel);
    } catch (error) {
      if (closed) return;
      observe({ kind: 'listener lost', channel: named, error });
      retry = setTimeout(() => {
        current = open();
        void connect(attempt + 1);
      }, pauseBefore(attempt));
    }
  };
  void connect(0);

  return {
    close: async () => {
      closed = true;
      clearTimeout(retry);
      await current.close();
    },
  };
}
