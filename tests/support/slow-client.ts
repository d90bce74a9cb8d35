/**
 * A client that takes an answer as slowly as a test wants, and sees how it ends: node:http, with the socket in hand.
 */
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

export interface TakenAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Takes the next piece of the body; null at its end. Rejects where the connection breaks before that. */
  readonly next: () => Promise<Buffer | null>;
  /** Takes everything that is left, as text. Rejects as `next` does. */
  readonly rest: () => Promise<string>;
  /** Hangs up. */
  readonly leave: () => void;
}

function taking(incoming: IncomingMessage): TakenAnswer {
  const pieces: Buffer[] = [];
  let wake: () => void = () => undefined;
  let broken: Error | null = null;
  // nothing is read that was not asked for
  incoming.pause();
  incoming.on('data', (piece: Buffer) => {
    pieces.push(piece);
    incoming.pause();
    wake();
  });
  incoming.once('end', () => wake());
  incoming.on('error', (error) => {
    broken = error;
    wake();
  });
  const next = async (): Promise<Buffer | null> => {
    while (pieces.length === 0 && !incoming.readableEnded && broken === null) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      incoming.resume();
      await woken;
    }
    const piece = pieces.shift();
    if (piece) return piece;
    if (broken) throw broken;
    return null;
  };
  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    next,
    rest: async () => {
      const all: Buffer[] = [];
      for (let piece = await next(); piece !== null; piece = await next()) all.push(piece);
      return Buffer.concat(all).toString();
    },
    leave: () => incoming.destroy(),
  };
}

/** Sends a GET to a server on this machine, and resolves with the head of the answer. */
export const take = (
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<TakenAnswer> =>
  new Promise((resolve, reject) => {
    const outgoing = httpRequest({ host: '127.0.0.1', port, path, headers, agent: false }, (incoming) =>
      resolve(taking(incoming)),
    );
    outgoing.once('error', reject);
    outgoing.end();
  });
