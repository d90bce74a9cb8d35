/**
 * Cursors: a position in an ordered list of rows, as opaque text that only this configuration makes. It holds the
 * values of the order's keys at one row, which way to go from there, and a digest of the order they belong to. It
 * is signed so that nobody builds on its form: it grants nothing, being a filter value like any other.
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { parseKeys } from '../config/keys.ts';
import type { Config } from '../config.ts';
import { apiError } from '../errors/codes.ts';

/** A position between two rows (or at one). */
export interface Cursor {
  readonly direction: 'after' | 'before';
  /** The row at the position itself belongs to the page, too. */
  readonly inclusive: boolean;
  /** Digest of the relation and the order that the values are of. */
  readonly order: string;
  /** The keys' values as PostgreSQL prints them; null = NULL. */
  readonly values: readonly (string | null)[];
}

/** Makes and reads cursors under one configuration. */
export interface Cursors {
  readonly seal: (cursor: Cursor) => string;
  /** Throws ApiError AURA160 for what `seal` did not make. */
  readonly open: (text: string) => Cursor;
}

/** Another form of the payload takes another name here, so that cursors of the old one are refused. */
const PURPOSE = 'aura cursor 1';
const MAC_BYTES = 16;

const authenticate = (key: Buffer, payload: Buffer): Buffer =>
  createHmac('sha256', key).update(payload).digest().subarray(0, MAC_BYTES);

const unreadable = (): Error =>
  apiError('AURA160', 'The cursor cannot be read', {
    details: 'It was not made by this server, was changed on the way, or its secret has been replaced.',
    hint: 'Take cursors as they are from the Link header; to start over, leave the cursor out.',
  });

/** Two bits: the direction and whether the row at the position is included. */
const payloadOf = ({ direction, inclusive, order, values }: Cursor): Buffer =>
  Buffer.from(JSON.stringify([(direction === 'before' ? 1 : 0) + (inclusive ? 2 : 0), order, values]));

function readPayload(payload: Buffer): Cursor {
  const [bits, order, values] = JSON.parse(payload.toString()) as [number, string, (string | null)[]];
  return { direction: bits & 1 ? 'before' : 'after', inclusive: (bits & 2) !== 0, order, values };
}

/**
 * Cursors under these secrets: the first one signs, all of them are accepted, so that a secret can be replaced
 * while clients are on their way. Null where there is no secret.
 */
export function createCursors(secrets: readonly Buffer[]): Cursors | null {
  const keys = secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', PURPOSE, 32)));
  const [first] = keys;
  if (!first) return null;
  return {
    seal: (cursor) => {
      const payload = payloadOf(cursor);
      return Buffer.concat([authenticate(first, payload), payload]).toString('base64url');
    },
    open: (text) => {
      const bytes = Buffer.from(text, 'base64url');
      // the decoder passes over what it does not know: one position is to have one text
      if (bytes.length <= MAC_BYTES || bytes.toString('base64url') !== text) throw unreadable();
      const mac = bytes.subarray(0, MAC_BYTES);
      const payload = bytes.subarray(MAC_BYTES);
      if (!keys.some((key) => timingSafeEqual(mac, authenticate(key, payload)))) throw unreadable();
      return readPayload(payload);
    },
  };
}

/**
 * The secrets that cursors are signed with, the same for every process of one configuration: `cursor-secret`, else
 * the shared keys of `jwt-secret`. Public keys are no secret and give none.
 */
export function cursorSecrets(
  config: Pick<Config, 'cursorSecret' | 'jwtSecret' | 'jwtSecretIsBase64'>,
): readonly Buffer[] {
  if (config.cursorSecret !== null) return [Buffer.from(config.cursorSecret)];
  if (config.jwtSecret === null) return [];
  return parseKeys(config.jwtSecret, config.jwtSecretIsBase64).keys.flatMap(({ secret }) => secret ?? []);
}
