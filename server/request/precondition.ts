/**
 * If-Match and If-None-Match (RFC 9110 section 13.1): entity tags as the client holds them.
 */
import { apiError } from '../errors/codes.ts';
import type { RawRequest } from './raw.ts';

export interface EntityTag {
  readonly weak: boolean;
  /** With its quotes. */
  readonly opaque: string;
}

/** `*`, or any of these. */
export type TagCondition = '*' | readonly EntityTag[];

/** What must hold before a request is carried out; one of the two at least is not null. */
export interface Preconditions {
  readonly ifMatch: TagCondition | null;
  readonly ifNoneMatch: TagCondition | null;
}

const ITEM = /\s*(?:(W\/)?("[\x21\x23-\x7e\x80-\xff]*"))?\s*(?:,|$)/y;

/** Null = it does not follow the grammar. */
function parseCondition(header: string): TagCondition | null {
  if (header.trim() === '*') return '*';
  const tags: EntityTag[] = [];
  ITEM.lastIndex = 0;
  while (ITEM.lastIndex < header.length) {
    const found = ITEM.exec(header);
    if (!found) return null;
    if (found[2] !== undefined) tags.push({ weak: found[1] !== undefined, opaque: found[2] });
  }
  return tags.length === 0 ? null : tags;
}

function conditionOf(raw: RawRequest, name: 'If-Match' | 'If-None-Match'): TagCondition | null {
  const value = raw.headers[name.toLowerCase()];
  if (value === undefined) return null;
  const text = typeof value === 'string' ? value : value.join(', ');
  const condition = parseCondition(text);
  if (condition !== null) return condition;
  // a read that nobody has yet is simply answered
  if (name === 'If-None-Match' && (raw.method === 'GET' || raw.method === 'HEAD')) return [];
  throw apiError('AURA132', `${name} cannot be read`, {
    details: `It is ${text}.`,
    hint: 'Send entity tags as an ETag header gave them, with their quotes, or *.',
  });
}

/** The preconditions of a request; null = it has none. Throws AURA132. */
export function parsePreconditions(raw: RawRequest): Preconditions | null {
  const { headers } = raw;
  if (headers['if-match'] === undefined && headers['if-none-match'] === undefined) return null;
  return { ifMatch: conditionOf(raw, 'If-Match'), ifNoneMatch: conditionOf(raw, 'If-None-Match') };
}
