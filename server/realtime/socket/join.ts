/**
 * What a client asks for when it joins a channel (`phx_join`). Members that are not known are left alone: clients of
 * several languages and ages send more than they need.
 */
import { z } from 'zod';

/** Some clients send their booleans as text. */
const flag = z
  .union([z.boolean(), z.string()])
  .nullish()
  .transform((value, context) => {
    if (value === null || value === undefined) return false;
    if (typeof value === 'boolean') return value;
    const word = value.toLowerCase();
    if (word === 'true' || word === 'false') return word === 'true';
    context.addIssue({ code: 'custom', message: 'expected true or false' });
    return z.NEVER;
  });

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? null);

const binding = z.object({
  event: text,
  schema: text,
  table: text,
  filter: text,
  select: z
    .array(z.string())
    .nullish()
    .transform((value) => value ?? null),
});

/** What of the changes of tables a client asks for, as it wrote it. */
export type Binding = z.infer<typeof binding>;

const replay = z.object({
  since: z.int().min(0),
  limit: z
    .int()
    .nullish()
    .transform((value) => value ?? MOST_REPLAYED),
});

/** As Supabase has it. */
const MOST_REPLAYED = 25;
const MOST_BINDINGS = 100;

const join = z.object({
  config: z
    .object({
      private: flag,
      broadcast: z
        .object({ self: flag, ack: flag, replication_ready: flag, replay: replay.nullish() })
        .nullish(),
      presence: z.object({ key: text, enabled: flag }).nullish(),
      postgres_changes: z.array(binding.nullable()).max(MOST_BINDINGS).nullish(),
    })
    .nullish(),
  access_token: text,
  user_token: text,
});

/** What a client asks for. */
export interface Join {
  readonly private: boolean;
  /** Its own broadcasts come back to it. */
  readonly self: boolean;
  /** It is told when a broadcast is on its way. */
  readonly ack: boolean;
  /** It wants to be told once more that messages from SQL will arrive. */
  readonly replicationReady: boolean;
  readonly replay: { readonly since: number; readonly limit: number } | null;
  /** It wants to know who is present. */
  readonly presence: boolean;
  /** Under what it is present itself; null = something that nobody else has. */
  readonly presenceKey: string | null;
  readonly bindings: readonly Binding[];
  readonly token: string | null;
}

/** Reads the payload of a join; a text says what is wrong with it. */
export function parseJoin(payload: unknown): Join | string {
  const result = join.safeParse(payload);
  if (!result.success) {
    const [issue] = result.error.issues;
    return `${issue?.path.join('.') ?? 'payload'}: ${issue?.message ?? 'invalid'}`;
  }
  const { config, access_token, user_token } = result.data;
  const { broadcast, presence } = config ?? {};
  const asked = broadcast?.replay ?? null;
  return {
    private: config?.private ?? false,
    self: broadcast?.self ?? false,
    ack: broadcast?.ack ?? false,
    replicationReady: broadcast?.replication_ready ?? false,
    replay: asked && { since: asked.since, limit: Math.min(Math.max(asked.limit, 1), MOST_REPLAYED) },
    presence: presence?.enabled ?? false,
    presenceKey: presence?.key === '' ? null : (presence?.key ?? null),
    bindings: (config?.postgres_changes ?? []).filter((one) => one !== null),
    token: user_token ?? access_token,
  };
}
