/**
 * Broadcasts by HTTP: a list of messages, or one to the path of its topic and event, as Supabase's clients send them.
 *
 *   POST /realtime/v1/api/broadcast                                   {"messages": [{topic, event, payload, private}]}
 *   POST /realtime/v1/api/broadcast/{topic}/events/{event}?private=   a JSON object, or bytes
 */
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { apiError } from '../errors/codes.ts';
import type { Identity } from '../identity/role.ts';
import { parseMediaType } from '../request/media-type.ts';
import { decodeText } from '../request/payload.ts';
import { type Answer, respondError } from '../response/respond.ts';
import { answerPreflight, withCors } from '../rest/cors.ts';
import { readIncoming } from '../rest/incoming.ts';
import type { Serve } from '../rest/outgoing.ts';
import { asApiError } from '../rest/unforeseen.ts';
import type { Broadcast } from './frames.ts';
import { relayEntry } from './relay-entry.ts';
import type { ChannelContext } from './socket/context.ts';
import { isStorable } from './socket/protocol.ts';

const message = z.object({
  topic: z.string().min(1).refine(isStorable),
  event: z.string(),
  payload: z.unknown(),
  private: z.boolean().nullish(),
});
const batch = z.object({ messages: z.array(message) });

const SINGLE = /^\/api\/broadcast\/([^/]+)\/events\/([^/]+)$/;

interface Asked {
  readonly path: string;
  readonly query: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

const malformed = (details: string): Error =>
  apiError('AURA453', 'The broadcast is not as it must be', {
    details,
    hint: 'Send {"messages": [{"topic": "...", "event": "...", "payload": {}}]}.',
  });

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(decodeText(body));
  } catch (error) {
    throw error instanceof SyntaxError ? malformed('The body is not JSON.') : error;
  }
}

const COMMON = { whole: null, id: null, replayed: false };

function parseBatch({ body }: Asked, most: number): readonly Broadcast[] {
  const result = batch.safeParse(parseJson(body));
  if (!result.success) {
    const [issue] = result.error.issues;
    throw malformed(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  const { messages } = result.data;
  if (messages.length > most) {
    throw apiError('AURA452', 'Too many messages', { details: `At most ${most} are taken at once.` });
  }
  return messages.map(({ topic, event, payload = null, private: isPrivate }) => ({
    ...COMMON,
    topic,
    event,
    private: isPrivate ?? false,
    payload: JSON.stringify(payload),
  }));
}

function decodePart(part: string): string {
  let text: string;
  try {
    text = decodeURIComponent(part);
  } catch {
    throw malformed('The path is not valid UTF-8.');
  }
  if (!isStorable(text)) throw malformed('The path holds NUL.');
  return text;
}

function parseSingle(asked: Asked, topic: string, event: string): Broadcast {
  const type = parseMediaType(asked.headers['content-type'] ?? '*/*').kind;
  const isPrivate = new URLSearchParams(asked.query).get('private') === 'true';
  const common = { ...COMMON, topic: decodePart(topic), event: decodePart(event), private: isPrivate };
  if (type === 'bytes') return { ...common, payload: asked.body };
  if (type !== 'json' && type !== 'any') {
    throw apiError('AURA461', 'The payload is neither JSON nor bytes', {
      hint: 'Send it as application/json or application/octet-stream.',
    });
  }
  // it is passed on as it stands
  parseJson(asked.body);
  return { ...common, payload: decodeText(asked.body) };
}

function parseAsked(asked: Asked, most: number): readonly Broadcast[] {
  if (asked.path === '/api/broadcast') return parseBatch(asked, most);
  const [, topic, event] = SINGLE.exec(asked.path) ?? [];
  if (topic !== undefined && event !== undefined) return [parseSingle(asked, topic, event)];
  if (asked.path === '/websocket') {
    throw apiError('AURA456', 'This path speaks WebSocket', { headers: { Upgrade: 'websocket' } });
  }
  throw apiError('AURA459', 'The path names nothing of realtime', {
    hint: 'Broadcasts go to /api/broadcast, WebSockets to /websocket.',
  });
}

/** Refuses as a whole what is wrong in part. */
async function checkAllowed(
  { authorizer, rest }: ChannelContext,
  identity: Identity,
  messages: readonly Broadcast[],
): Promise<void> {
  const { realtimeMaxMessageSize, realtimePrivateOnly } = rest.settings().config;
  for (const { payload, private: isPrivate } of messages) {
    if (Buffer.byteLength(payload) > realtimeMaxMessageSize) {
      throw apiError('AURA454', 'A message is too large', {
        details: `At most ${realtimeMaxMessageSize} bytes are sent.`,
      });
    }
    if (!isPrivate && realtimePrivateOnly) throw apiError('AURA458', 'Only private channels are served');
  }
  const topics = new Set(messages.filter((one) => one.private).map(({ topic }) => topic));
  for (const topic of topics) {
    if (await authorizer.maySend(identity, topic, 'broadcast')) continue;
    throw apiError('AURA455', `You do not have permissions to write to the channel ${JSON.stringify(topic)}`);
  }
}

async function serve(context: ChannelContext, incoming: IncomingMessage, trace: Trace): Promise<Answer> {
  const { rest, hub, bus, observe } = context;
  const { authenticate, config } = rest.settings();
  const { authorization, apikey } = incoming.headers as { authorization?: string; apikey?: string };
  const identity = await authenticate({ authorization, apikey });
  trace.role = identity.role;
  const raw = await readIncoming(incoming, config.realtimePrefix, config, context.rest.patience);
  const messages = parseAsked(raw, config.realtimeMaxMessages);
  if (raw.method !== 'POST') {
    throw apiError('AURA460', `Broadcasts are not sent by ${raw.method}`, { headers: { Allow: 'POST' } });
  }
  await checkAllowed(context, identity, messages);
  await bus.ready();
  const told = messages.map((broadcast) => {
    observe({ kind: 'broadcast', receivers: hub.deliver(broadcast, null) });
    return bus.tell(relayEntry(broadcast));
  });
  await Promise.all(told);
  return { status: 202, headers: {}, body: null };
}

interface Trace {
  role: string | null;
}

/** Answers what is below the prefix. */
export const createBroadcastServer =
  (context: ChannelContext): Serve =>
  async (incoming, _departure, id) => {
    const { config } = context.rest.settings();
    const allowed = config.serverCorsAllowedOrigins;
    const preflight = answerPreflight(incoming.method ?? '', incoming.headers, allowed);
    const trace: Trace = { role: null };
    let answer: Answer;
    let errorCode: string | null = null;
    try {
      answer = preflight ?? (await serve(context, incoming, trace));
    } catch (error) {
      const refusal = asApiError(context.observe, error, id);
      errorCode = refusal.code;
      answer = respondError(refusal, config.clientErrorVerbosity);
    }
    if (preflight === null) answer = withCors(answer, incoming.headers.origin, allowed);
    return { answer, role: trace.role, errorCode, sql: null };
  };
