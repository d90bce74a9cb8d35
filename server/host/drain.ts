/**
 * Ends an HTTP server in order: no new connections at once, requests in flight to their end, and connections that
 * clients would keep open closed with the answer that is their last.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Resolves when the server has ended, with the number of requests that were cut because they took longer than
 * these seconds.
 */
export type Drain = (seconds: number) => Promise<number>;

/** Watches a server's requests from now on, for when it has to end. */
export function createDrain(server: Server): Drain {
  /** The last answer of each connection. */
  const answers = new Map<Socket, ServerResponse>();
  let draining = false;
  // before the one that answers, so that it finds the connection's fate decided
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    if (!answers.has(socket)) socket.once('close', () => answers.delete(socket));
    answers.set(socket, response);
    if (draining) response.shouldKeepAlive = false;
  });
  const inFlight = (): ServerResponse[] => [...answers.values()].filter((answer) => !answer.writableFinished);

  return async (seconds) => {
    draining = true;
    for (const response of inFlight()) response.shouldKeepAlive = false;
    let unfinished = 0;
    const cut = setTimeout(() => {
      unfinished = inFlight().length;
      server.closeAllConnections();
    }, seconds * 1000);
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeIdleConnections();
    });
    clearTimeout(cut);
    return unfinished;
  };
}
