/** A request as it comes from HTTP, before anything of it is parsed. */
import { apiError } from '../errors/codes.ts';
import type { Cursors } from './cursor.ts';
import { decodeHeader } from './header.ts';

/** A request as it came, its path without the mount point. */
export interface RawRequest {
  readonly method: string;
  /** Still percent-encoded, without the query string. */
  readonly path: string;
  /** What follows the question mark, still encoded. */
  readonly query: string;
  /** The same without what the body added to it; only where it did. */
  readonly ownQuery?: string;
  /** Names in lower case; several of one name joined by commas. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** What parsing needs of the configuration. */
export interface RequestOptions {
  readonly dbSchemas: readonly string[];
  readonly dbTxAllowOverride: boolean;
  readonly dbRootSpec: string | null;
  readonly openapiMode: 'follow-privileges' | 'ignore-privileges' | 'disabled';
  readonly dbMaxFilters: number;
  /** Null = no secret to sign cursors with. */
  readonly cursors: Cursors | null;
}

export const header = (raw: RawRequest, name: string): string | undefined => {
  const value = raw.headers[name];
  if (value === undefined) return undefined;
  return decodeHeader(typeof value === 'object' ? value.join(', ') : value);
};

export function refuseNul(first: string, second = ''): void {
  if (first.includes('\0') || second.includes('\0')) {
    throw apiError('AURA104', 'The request contains a NUL character', {
      hint: 'PostgreSQL can store no NUL in text; remove it.',
    });
  }
}
