/**
 * What many connections get alike: written once for each version of the protocol, however many there are.
 */
import { encodeBroadcast, encodeText, frameOf, type Version } from './socket/protocol.ts';

/** A message to all members of a topic, as the bytes that go out; null = the version cannot express it. */
export interface Frames {
  readonly of: (version: Version) => Buffer | null;
}

/** What reaches a channel: its topic has no `realtime:` in front. */
export interface Broadcast {
  readonly topic: string;
  readonly private: boolean;
  readonly event: string;
  /** The text of a JSON value, or bytes. */
  readonly payload: string | Buffer;
  /** The text of the whole payload where a client sent more than event and payload; null = there is no more. */
  readonly whole: string | null;
  /** Of a message that is kept in `realtime.messages`. */
  readonly id: string | null;
  readonly replayed: boolean;
}

/** The topic as it is on the wire. */
export const wireTopic = (topic: string): string => `realtime:${topic}`;

function once(make: (version: Version) => Buffer | null): Frames {
  const made = new Map<Version, Buffer | null>();
  return {
    of: (version) => {
      let frame = made.get(version);
      if (frame === undefined) {
        frame = make(version);
        made.set(version, frame);
      }
      return frame;
    },
  };
}

/** A message that belongs to no join in particular; `payload` is the text of a JSON object. */
export const pushFrames = (topic: string, event: string, payload: string): Frames =>
  once((version) => {
    const message = { joinRef: null, ref: null, topic: wireTopic(topic), event, payload };
    return frameOf(encodeText(version, message));
  });

function metaOf({ id, replayed }: Broadcast): string {
  if (id === null) return '';
  return JSON.stringify(replayed ? { replayed, id } : { id });
}

/** The frames of a broadcast. */
export function broadcastFrames(broadcast: Broadcast): Frames {
  const { topic, event, payload, whole } = broadcast;
  const meta = metaOf(broadcast);
  return once((version) => {
    if (version === '2.0.0' && whole === null) {
      const bytes = encodeBroadcast(wireTopic(topic), event, meta, payload);
      if (bytes !== null) return frameOf(bytes);
    }
    // texts cannot hold bytes
    if (typeof payload !== 'string') return null;
    const text =
      whole ??
      `{"type":"broadcast","event":${JSON.stringify(event)},"payload":${payload}${meta === '' ? '' : `,"meta":${meta}`}}`;
    const message = { joinRef: null, ref: null, topic: wireTopic(topic), event: 'broadcast', payload: text };
    return frameOf(encodeText(version, message));
  });
}
