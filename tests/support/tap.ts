/** A stream of events as it comes, text by text, with its bookmarks left out. */
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { expect } from 'vitest';
import { type Api, type ApiRequest, tokenFor } from './api.ts';

export interface EventTap {
  readonly headers: IncomingHttpHeaders;
  /** The next events, each with its lines, an empty line between them; waits for so many. */
  readonly take: (count: number) => Promise<string>;
  readonly lastId: () => string;
  readonly close: () => void;
}

/** Opens a stream; the path is one from the root. */
export async function openTap(
  api: Api,
  method: string,
  path: string,
  { headers, as, body }: ApiRequest,
): Promise<EventTap> {
  const outgoing = request({
    ...{ host: '127.0.0.1', port: api.port, method, path, agent: false },
    headers: {
      ...(headers as Record<string, string>),
      ...(as === undefined ? {} : { Authorization: `Bearer ${tokenFor(as)}` }),
    },
  });
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
    outgoing.end(body);
  });
  expect(incoming.statusCode).toBe(200);
  const events: string[] = [];
  let id = '';
  let rest = '';
  incoming.setEncoding('utf8');
  incoming.on('error', () => undefined);
  incoming.on('data', (chunk: string) => {
    const frames = `${rest}${chunk}`.split('\n\n');
    rest = frames.pop() ?? '';
    for (const frame of frames) {
      if (frame.startsWith(':')) continue;
      id = /^id: (.*)$/m.exec(frame)?.[1] ?? id;
      events.push(frame.replace(/^id: .*$/m, 'id: ...'));
    }
  });
  return {
    headers: incoming.headers,
    take: async (count) => {
      await expect.poll(() => events.length).toBeGreaterThanOrEqual(count);
      return `${events.splice(0).join('\n\n')}\n`;
    },
    lastId: () => id,
    close: () => outgoing.destroy(),
  };
}
