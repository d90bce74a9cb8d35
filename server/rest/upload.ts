/**
 * A body that is read while it is used: what nobody has asked for stays in the socket, so that a client sends no
 * faster than PostgreSQL writes.
 */
import type { IncomingMessage } from 'node:http';
import { apiError } from '../errors/codes.ts';

export interface UploadLimits {
  /** Bytes. */
  readonly serverMaxImportSize: number;
  readonly serverStreamIdleTimeout: number;
  readonly dbStreamTimeout: number;
}

export interface Upload {
  /**
   * The next piece; null at the end. Rejects with ApiError AURA105 where the body was cut off, AURA110 where it is
   * too large, AURA003 where it takes too long.
   */
  readonly next: () => Promise<Buffer | null>;
  /** Reads what is left and forgets it; resolves with whether that was all. */
  readonly discard: (seconds: number) => Promise<boolean>;
}

const tooLarge = (limit: number): Error =>
  apiError('AURA110', 'The import is too large', {
    details: `At most ${limit} bytes are taken.`,
    hint: 'Send it in parts, or raise server-max-import-size.',
  });

const tooSlow = (details: string): Error =>
  apiError('AURA003', 'The import was given up', {
    details,
    hint: 'Send it faster, in smaller parts, or raise db-stream-timeout or server-stream-idle-timeout.',
  });

export const bodyCut = (): Error =>
  apiError('AURA105', 'The request body ended early', { hint: 'Send the request again.' });

/** Whoever waits for the next piece. */
interface Waiting {
  readonly resolve: (piece: Buffer | null) => void;
  readonly reject: (error: Error) => void;
}

/** Goes on with a body of which these pieces have been read. */
export function createUpload(
  incoming: IncomingMessage,
  read: readonly Buffer[],
  limits: UploadLimits,
): Upload {
  const pieces = [...read];
  let size = read.reduce((sum, { length }) => sum + length, 0);
  let waiting: Waiting | null = null;
  let forgets = false;
  const began = performance.now();

  const settle = (settled: (waiting: Waiting) => void): void => {
    const current = waiting;
    waiting = null;
    if (current) settled(current);
  };
  incoming.on('data', (piece: Buffer) => {
    if (forgets) return;
    size += piece.length;
    if (waiting === null || pieces.length > 0) pieces.push(piece);
    else settle(({ resolve }) => resolve(piece));
    incoming.pause();
  });
  incoming.once('end', () => settle(({ resolve }) => resolve(null)));
  const cut = (): void => settle(({ reject }) => reject(bodyCut()));
  incoming.once('aborted', cut);
  incoming.once('error', cut);
  incoming.once('close', cut);

  const wait = (): Promise<Buffer | null> =>
    new Promise((resolve, reject) => {
      const { serverStreamIdleTimeout: idle, dbStreamTimeout: overall } = limits;
      const left = overall - (performance.now() - began) / 1000;
      const timer = setTimeout(
        () => {
          const what =
            left < idle ? `It took ${overall} seconds.` : `For ${idle} seconds nothing of it came.`;
          settle((current) => current.reject(tooSlow(what)));
        },
        Math.max(0, Math.min(idle, left)) * 1000,
      );
      waiting = {
        resolve: (piece) => {
          clearTimeout(timer);
          resolve(piece);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      incoming.resume();
    });

  return {
    next: () => {
      if (Number(incoming.headers['content-length'] ?? 0) > limits.serverMaxImportSize) {
        return Promise.reject(tooLarge(limits.serverMaxImportSize));
      }
      if (size > limits.serverMaxImportSize) return Promise.reject(tooLarge(limits.serverMaxImportSize));
      const piece = pieces.shift();
      if (piece) return Promise.resolve(piece);
      if (incoming.readableEnded) return Promise.resolve(null);
      return incoming.destroyed ? Promise.reject(bodyCut()) : wait();
    },
    discard: async (seconds) => {
      forgets = true;
      pieces.length = 0;
      if (incoming.readableEnded || incoming.destroyed) return incoming.readableEnded;
      incoming.resume();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, seconds * 1000);
        incoming.once('close', () => {
          clearTimeout(timer);
          resolve();
        });
        incoming.once('end', () => {
          clearTimeout(timer);
          resolve();
        });
      });
      return incoming.readableEnded;
    },
  };
}
