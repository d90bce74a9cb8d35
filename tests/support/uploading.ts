/** A request whose body a test sends piece by piece, in its own time. */
import { request as httpRequest, type IncomingMessage } from 'node:http';

export interface Uploading {
  /** Resolves when the piece has left this process. */
  readonly write: (piece: string | Buffer) => Promise<void>;
  readonly end: () => void;
  /** Hangs up. */
  readonly leave: () => void;
  /** The status and the body as JSON, if it has one. */
  // biome-ignore lint/suspicious/noExplicitAny: a test says itself what shape it expects
  readonly answer: Promise<{ status: number; headers: IncomingMessage['headers']; json: any }>;
}

/** Begins a POST to a server on this machine. */
export function upload(port: number, path: string, headers: Readonly<Record<string, string>>): Uploading {
  const outgoing = httpRequest({ host: '127.0.0.1', port, path, headers, method: 'POST', agent: false });
  const answer: Uploading['answer'] = new Promise((resolve, reject) => {
    outgoing.once('error', reject);
    outgoing.once('response', (incoming) => {
      const pieces: Buffer[] = [];
      incoming.on('data', (piece: Buffer) => pieces.push(piece));
      incoming.once('error', reject);
      incoming.once('end', () => {
        const text = Buffer.concat(pieces).toString();
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          json: text === '' ? undefined : JSON.parse(text),
        });
      });
    });
  });
  // a test that hangs up does not wait for an answer
  answer.catch(() => undefined);
  return {
    write: (piece) => new Promise((resolve) => outgoing.write(piece, () => resolve())),
    end: () => void outgoing.end(),
    leave: () => void outgoing.destroy(),
    answer,
  };
}
