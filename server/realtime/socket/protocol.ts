/**
 * Phoenix channels on a WebSocket, as Supabase's clients speak them: messages of five members, as JSON objects
 * (serializer 1.0.0) or JSON arrays (2.0.0), and for broadcasts of 2.0.0 binary frames, whose headers are lengths of
 * one byte each. Pure functions between frames and messages.
 *
 *   push (3):       kind, lengths of join_ref, ref, topic, event, metadata, encoding; then these, then the payload
 *   broadcast (4):  kind, lengths of topic, event, metadata, encoding; then these, then the payload
 */

/** How the messages of a connection are written. */
export type Version = '1.0.0' | '2.0.0';

/** A version that clients may ask for; Phoenix' default is the first. */
export function parseVersion(asked: string | null): Version | null {
  if (asked === null || asked === '1.0.0') return '1.0.0';
  return asked === '2.0.0' ? asked : null;
}

/** What a binary frame brings. */
export interface BinaryBroadcast {
  readonly event: string;
  /** The text of a JSON value, or bytes. */
  readonly payload: string | Buffer;
}

/** What a client says. */
export interface ClientMessage {
  /** The `ref` of the join that it belongs to; null = it says none. */
  readonly joinRef: string | null;
  /** What the reply is to name; null = no reply is awaited. */
  readonly ref: string | null;
  readonly topic: string;
  readonly event: string;
  readonly payload: Readonly<Record<string, unknown>>;
  /** Of a binary frame, in place of the payload. */
  readonly binary: BinaryBroadcast | null;
}

/** A frame that is no message; the text says why. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Phoenix' client sends texts; numbers are taken as others may send them. */
function refOf(value: unknown, name: string): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' && value.length <= 255) return value;
  if (typeof value === 'number') return String(value);
  throw new FrameError(`${name} is not a text of at most 255 characters`);
}

function messageOf(parts: readonly unknown[]): ClientMessage {
  const [joinRef, ref, topic, event, payload = {}] = parts;
  if (typeof topic !== 'string' || typeof event !== 'string') {
    throw new FrameError('topic and event must be texts');
  }
  if (payload !== null && !isObject(payload)) throw new FrameError('the payload is not an object');
  return {
    joinRef: refOf(joinRef, 'join_ref'),
    ref: refOf(ref, 'ref'),
    topic,
    event,
    payload: payload ?? {},
    binary: null,
  };
}

/** Reads a text frame. Throws FrameError. */
export function decodeText(version: Version, text: string): ClientMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new FrameError('the frame is not JSON');
  }
  if (version === '2.0.0') {
    if (!Array.isArray(value) || value.length < 4) {
      throw new FrameError('a message is [join_ref, ref, topic, event, payload]');
    }
    return messageOf(value);
  }
  if (!isObject(value)) throw new FrameError('a message is {topic, event, payload, ref}');
  return messageOf([value['join_ref'], value['ref'], value['topic'], value['event'], value['payload']]);
}

const PUSH = 3;
const BROADCAST = 4;
const BYTES = 0;
const JSON_TEXT = 1;
const PUSH_HEADER = 7;
const LONGEST = 255;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new FrameError('the frame has text that is not UTF-8');
  }
}

function payloadOf(encoding: number, bytes: Buffer): string | Buffer {
  // the frame's memory may be the socket's
  if (encoding === BYTES) return Buffer.from(bytes);
  if (encoding !== JSON_TEXT) throw new FrameError(`there is no encoding ${encoding}`);
  const text = textOf(bytes);
  try {
    // it is passed on inside of other JSON
    JSON.parse(text);
  } catch {
    throw new FrameError('the payload is not JSON');
  }
  return text;
}

/** Reads a binary frame: a broadcast that a client sends. Throws FrameError. */
export function decodeBinary(version: Version, frame: Buffer): ClientMessage {
  if (version !== '2.0.0') throw new FrameError('binary frames need serializer 2.0.0');
  if (frame[0] !== PUSH) throw new FrameError(`there is no binary message of kind ${frame[0] ?? 'none'}`);
  const lengths = frame.subarray(1, PUSH_HEADER - 1);
  const texts: string[] = [];
  let at = PUSH_HEADER;
  for (const length of lengths) {
    texts.push(textOf(frame.subarray(at, at + length)));
    at += length;
  }
  if (frame.length < at || lengths.length < PUSH_HEADER - 2) throw new FrameError('the frame is too short');
  const [joinRef = '', ref = '', topic = '', event = ''] = texts;
  const payload = payloadOf(frame[PUSH_HEADER - 1] ?? -1, frame.subarray(at));
  return {
    joinRef: joinRef === '' ? null : joinRef,
    ref: ref === '' ? null : ref,
    topic,
    event: 'broadcast',
    payload: {},
    binary: { event, payload },
  };
}

/** What the server says; `payload` is the text of a JSON object. */
export interface ServerMessage {
  readonly joinRef: string | null;
  readonly ref: string | null;
  readonly topic: string;
  readonly event: string;
  readonly payload: string;
}

/** Writes a text frame. */
export function encodeText(version: Version, message: ServerMessage): string {
  const { joinRef, ref, topic, event, payload } = message;
  const [of, called] = [JSON.stringify(topic), JSON.stringify(event)];
  return version === '2.0.0'
    ? `[${JSON.stringify(joinRef)},${JSON.stringify(ref)},${of},${called},${payload}]`
    : `{"ref":${JSON.stringify(ref)},"topic":${of},"event":${called},"payload":${payload}}`;
}

/** The binary frame of a broadcast; null where topic, event or metadata are too long for one. */
export function encodeBroadcast(
  topic: string,
  event: string,
  metadata: string,
  payload: string | Buffer,
): Buffer | null {
  const parts = [topic, event, metadata].map((text) => Buffer.from(text));
  if (parts.some(({ length }) => length > LONGEST)) return null;
  const lengths = parts.map(({ length }) => length);
  const isText = typeof payload === 'string';
  const header = Buffer.from([BROADCAST, ...lengths, isText ? JSON_TEXT : BYTES]);
  return Buffer.concat([header, ...parts, isText ? Buffer.from(payload) : payload]);
}

const TEXT_FRAME = 0x81;
const BINARY_FRAME = 0x82;

/**
 * A message as the one frame that a server sends it in, unmasked (RFC 6455 section 5.2). What many connections get is
 * framed once.
 */
export function frameOf(payload: string | Buffer): Buffer {
  const isText = typeof payload === 'string';
  const length = Buffer.byteLength(payload);
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = Buffer.allocUnsafe(2 + extended + length);
  frame[0] = isText ? TEXT_FRAME : BINARY_FRAME;
  frame[1] = extended === 0 ? length : extended === 2 ? 126 : 127;
  if (extended === 2) frame.writeUInt16BE(length, 2);
  else if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  if (isText) frame.write(payload, 2 + extended);
  else payload.copy(frame, 2 + extended);
  return frame;
}

/** Whether PostgreSQL takes a text. */
export const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();

/** The text of a reason. */
export const reasonOf = (reason: string): string => JSON.stringify({ reason });
