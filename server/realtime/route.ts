/**
 * Live queries over REST: a read that accepts `text/event-stream` is answered with a stream of events.
 */
import type { ApiError } from '../errors/error.ts';
import { respondError } from '../response/respond.ts';
import type { Scene, ServeLive } from '../rest/context.ts';
import { discreet } from '../rest/discreet.ts';
import { parseBookmark } from './bookmark.ts';
import { createEventStream } from './event-stream.ts';
import type { Live } from './live.ts';
import { queryOf } from './live-plan.ts';

const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store',
  // proxies that collect answers would keep the events (nginx)
  'X-Accel-Buffering': 'no',
  Vary: 'Accept, Prefer, Range',
};

/** What a follower is told of an error: the same that a request is answered with. */
function describeFor({ context, settings, identity }: Scene): (reason: ApiError) => string {
  return (reason) => {
    const told = discreet(reason, context.catalog(), identity.role);
    const { body } = respondError(told, settings.config.clientErrorVerbosity);
    return body?.toString() ?? '{}';
  };
}

/** Serves live queries over HTTP. */
export const createServeLive =
  (live: Live): ServeLive =>
  async (scene, raw) => {
    const { config } = scene.settings;
    const stream = createEventStream({
      heartbeat: config.realtimeHeartbeat,
      maxBuffer: config.realtimeMaxBuffer,
      describe: describeFor(scene),
    });
    const sent = raw.headers['last-event-id'];
    const resume = sent === undefined || sent === '' ? null : (parseBookmark(String(sent)) ?? 'unknown');
    try {
      const leave = await live.join(queryOf(raw, scene.identity), stream, resume);
      stream.lines.once('close', leave);
    } catch (error) {
      stream.lines.destroy();
      throw error;
    }
    return { status: 200, headers: HEADERS, body: null, lines: stream.lines, endedBy: stream.endedBy };
  };
