/**
 * What processes tell each other, as JSON: broadcasts, and changes of presence. Whoever logs in to the database can
 * say something on the channel, so that what is read is looked at. A broadcast's payload is the text of a JSON value,
 * whose numbers keep their digits.
 */
import { z } from 'zod';
import type { Broadcast } from './frames.ts';
import type { PresenceChange } from './presence-copy.ts';

const broadcast = z.object({
  topic: z.string(),
  private: z.boolean(),
  event: z.string(),
  payload: z.string().optional(),
  /** In place of a payload: base64 of another process, `\x` and hex digits of PostgreSQL. */
  bytes: z.string().nullish(),
  whole: z.string().optional(),
  id: z.string().optional(),
});

const presences = z.object({
  presences: z.array(
    z.object({
      topic: z.string(),
      private: z.boolean(),
      key: z.string(),
      ref: z.string().exactOptional(),
      payload: z.string().exactOptional(),
      left: z.string().exactOptional(),
    }),
  ),
});

export type RelayEntry =
  | { readonly kind: 'broadcast'; readonly broadcast: Broadcast }
  | { readonly kind: 'presences'; readonly changes: readonly PresenceChange[] };

/** A broadcast as it is told. */
export function relayEntry({ topic, private: isPrivate, event, payload, whole }: Broadcast): string {
  const content = typeof payload === 'string' ? { payload } : { bytes: payload.toString('base64') };
  return JSON.stringify({
    topic,
    private: isPrivate,
    event,
    ...content,
    ...(whole === null ? {} : { whole }),
  });
}

const bytesOf = (text: string): Buffer =>
  text.startsWith('\\x') ? Buffer.from(text.slice(2), 'hex') : Buffer.from(text, 'base64');

/** Reads what was told; null = it is none of ours. */
export function parseEntry(value: unknown): RelayEntry | null {
  if (typeof value === 'object' && value !== null && 'presences' in value) {
    const changes = presences.safeParse(value);
    return changes.success ? { kind: 'presences', changes: changes.data.presences } : null;
  }
  const told = broadcast.safeParse(value);
  if (!told.success) return null;
  const { topic, private: isPrivate, event, payload, bytes, whole = null, id = null } = told.data;
  return {
    kind: 'broadcast',
    broadcast: {
      topic,
      private: isPrivate,
      event,
      payload: typeof bytes === 'string' ? bytesOf(bytes) : (payload ?? 'null'),
      whole,
      id,
      replayed: false,
    },
  };
}
