/**
 * Entity tags of answers (RFC 9110 section 8.8.3) and what follows from preconditions on them.
 *
 * A tag is a hash of the body, so that it is strong: equal tags mean equal bytes. Other media types than JSON add
 * a hash of their name, and a total that was counted is added behind a colon: it is no part of the rows, but a client
 * that asked for it wants to know when it changes.
 */
import { hash } from 'node:crypto';
import { apiError } from '../errors/codes.ts';
import type { EntityTag, Preconditions, TagCondition } from '../request/precondition.ts';
import type { Answer } from './respond.ts';

/** 162 bits. */
const LENGTH = 27;
const JSON_TYPE = 'application/json; charset=utf-8';
const TYPE_LENGTH = 6;

const text = (value: string | string[] | undefined): string =>
  typeof value === 'object' ? value.join(', ') : (value ?? '');

/** The tag that SQL has set, since it may know better what has changed; null = none. */
export function ownTag({ headers }: Answer): string | null {
  for (const name in headers) {
    if (name.length === 4 && name.toLowerCase() === 'etag') return text(headers[name]);
  }
  return null;
}

const TOTAL = /\/(\d+)$/;

function makeTag(body: Buffer, { headers }: Answer): string {
  const type = text(headers['Content-Type']);
  const ofType = type === JSON_TYPE ? '' : `.${hash('sha256', type, 'base64url').slice(0, TYPE_LENGTH)}`;
  const total = TOTAL.exec(text(headers['Content-Range']))?.[1];
  const counted = total === undefined ? '' : `:${total}`;
  return `"${hash('sha256', body, 'base64url').slice(0, LENGTH)}${ofType}${counted}"`;
}

/** The tag of a read's answer, with its quotes; null = it has none, since it is no representation. */
export function tagOf(answer: Answer, own = ownTag(answer)): string | null {
  const { status, body } = answer;
  if ((status !== 200 && status !== 206) || body === null) return null;
  return own ?? makeTag(body, answer);
}

/** A tag of ours without its total: the rows alone. */
const COUNTED = /^("[\w-]{27}(?:\.[\w-]{6})?):\d+"$/;
const rowsOf = (opaque: string): string => opaque.replace(COUNTED, '$1"');

const parsed = (tag: string): EntityTag =>
  tag.startsWith('W/') ? { weak: true, opaque: tag.slice(2) } : { weak: false, opaque: tag };

/** Whether the rows are those of one of the tags, for certain (strong comparison). */
function includesRows(condition: TagCondition, tag: string): boolean {
  if (condition === '*') return true;
  const current = parsed(tag);
  const rows = rowsOf(current.opaque);
  return condition.some(({ weak, opaque }) => !weak && !current.weak && rowsOf(opaque) === rows);
}

/** Whether the answer is one that the client has (weak comparison). */
function includes(condition: TagCondition, tag: string): boolean {
  const { opaque } = parsed(tag);
  return condition === '*' || condition.some((other) => other.opaque === opaque);
}

const failed = (header: string, details: string): Error =>
  apiError('AURA130', `The condition of ${header} does not hold`, {
    details,
    hint: 'Read it again, and decide anew.',
  });

const CHANGED = 'What is there now has another entity tag.';

/** Refuses a write where what is there now, `tag` (null = nothing), is not what its client has seen. Throws AURA130. */
export function refuseUnlessSeen({ ifMatch, ifNoneMatch }: Preconditions, tag: string | null): void {
  if (ifMatch !== null && tag === null) throw failed('If-Match', 'There is no such row.');
  if (ifMatch !== null && tag !== null && !includesRows(ifMatch, tag)) throw failed('If-Match', CHANGED);
  if (ifNoneMatch === null || tag === null) return;
  const rows = rowsOf(parsed(tag).opaque);
  if (ifNoneMatch === '*' || ifNoneMatch.some(({ opaque }) => rowsOf(opaque) === rows)) {
    throw failed('If-None-Match', 'There is such a row already.');
  }
}

/** What describes a body that a 304 does not have, and the tag under whatever name it was set. */
const NOT_KEPT: ReadonlySet<string> = new Set(['content-type', 'content-length', 'content-range', 'etag']);

function notModified({ headers }: Answer, tag: string): Answer {
  const kept = Object.entries(headers).filter(([name]) => !NOT_KEPT.has(name.toLowerCase()));
  return { status: 304, headers: { ...Object.fromEntries(kept), ETag: tag }, body: null };
}

/**
 * Adds the entity tag to a read's answer, and answers 304 to those who have the same already.
 * Throws AURA130 where If-Match does not hold.
 */
export function withEntityTag(answer: Answer, preconditions: Preconditions | null, enabled: boolean): Answer {
  const ifMatch = preconditions?.ifMatch ?? null;
  if (!enabled && ifMatch === null) return answer;
  const own = ownTag(answer);
  const tag = tagOf(answer, own);
  if (tag === null) return answer;
  if (ifMatch !== null && !includesRows(ifMatch, tag)) throw failed('If-Match', CHANGED);
  if (!enabled) return answer;
  const ifNoneMatch = preconditions?.ifNoneMatch ?? null;
  if (ifNoneMatch !== null && includes(ifNoneMatch, tag)) return notModified(answer, tag);
  return own === null ? { ...answer, headers: { ...answer.headers, ETag: tag } } : answer;
}
