/**
 * References of a batch: values of earlier answers in later requests, as JSON Pointers in URI fragments
 * (https://www.rfc-editor.org/rfc/rfc6901, section 6): `#/<name or index>/body/0/id`. In a body
 * `{"$ref": "#/..."}` stands for the value, in a query `{#/...}`.
 *
 * A reference is a value and never anything else. In a body it is put in as the JSON text that PostgreSQL made, digit
 * for digit. In a query it is not put into the text at all: the request is read with a mark in its place, and the
 * value takes the place of the mark in what is bound to a parameter. A value can thus not change what a request means.
 */
import { randomBytes } from 'node:crypto';
import { apiError } from '../errors/codes.ts';
import { type JsonIndex, type Span, textMembersOf } from '../request/json-text.ts';
import type { RequestShape } from '../request/shape.ts';

/** A place in an earlier answer. */
export interface Reference {
  /** As it was written, with its `#`. */
  readonly text: string;
  /** The index of the request whose answer it is in. */
  readonly step: number;
  /** The pointer's tokens behind the request's. */
  readonly tokens: readonly string[];
}

/** What a reference can point into: the requests so far, by their names. */
export interface Earlier {
  readonly names: ReadonlyMap<string, number>;
  /** The index of the request that refers. */
  readonly index: number;
}

const invalid = (text: string, details: string, hint: string): Error =>
  apiError('AURA122', `The reference ${text} cannot be followed`, { details, hint });

function decodeToken(token: string, text: string): string {
  const wrong = (cause?: unknown): Error =>
    apiError('AURA122', `The reference ${text} cannot be followed`, {
      details: `'${token}' is no token of a JSON Pointer in a URI fragment.`,
      hint: 'Write ~ as ~0, / as ~1, and percent-encode as UTF-8.',
      cause,
    });
  let decoded: string;
  try {
    decoded = decodeURIComponent(token);
  } catch (error) {
    throw wrong(error);
  }
  if (/~(?![01])/.test(decoded)) throw wrong();
  return decoded.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** Reads a reference. Throws AURA122 where it is none, or leads to no earlier request. */
export function parseReference(text: string, { names, index }: Earlier): Reference {
  if (!text.startsWith('#/')) {
    throw invalid(text, 'It is not a JSON Pointer behind #.', 'Write it as #/<name or index>/body/...');
  }
  const [called = '', ...tokens] = text
    .slice(2)
    .split('/')
    .map((token) => decodeToken(token, text));
  const step = names.get(called) ?? (/^(?:0|[1-9]\d*)$/.test(called) ? Number(called) : null);
  if (step === null) {
    throw invalid(text, `No request is called '${called}'.`, 'Name the request, or count from 0.');
  }
  if (step >= index) {
    throw invalid(
      text,
      `The answer to request ${called} is not there yet.`,
      'Refer to requests that come earlier.',
    );
  }
  if (tokens.length > DEEPEST) {
    throw invalid(text, `It has more than ${DEEPEST} tokens.`, 'Refer to a value further out.');
  }
  return { text, step, tokens };
}

/** Each token costs a look at everything inside of it. */
const DEEPEST = 32;

const unresolved = ({ text }: Reference, details: string, hint: string): Error =>
  apiError('AURA123', `The reference ${text} leads to nothing`, { details, hint });

/** The answers so far, by the numbers of their requests. */
export type AnswerOf = (step: number) => JsonIndex;

/** The JSON of the value that a reference leads to. Throws AURA123 where there is none. */
function resolve(reference: Reference, answerOf: AnswerOf): string {
  const answer = answerOf(reference.step);
  let at = answer.root;
  for (const [depth, token] of reference.tokens.entries()) {
    const next = answer.step(at, token);
    if (next === null) {
      throw unresolved(
        reference,
        `'${token}', token ${depth + 2} of the pointer, is not in the answer.`,
        'An answer has status, headers and body; ask for its rows with Prefer: return=representation.',
      );
    }
    at = next;
  }
  return answer.text.slice(at.start, at.end);
}

interface Place extends Span {
  readonly reference: Reference;
}

/** A body with references in it. */
export interface BodyTemplate {
  /** JSON. */
  readonly text: string;
  readonly places: readonly Place[];
}

/** Finds the references of a JSON text. Throws AURA122. */
export function parseBody(text: string, earlier: Earlier): BodyTemplate {
  const places: Place[] = [];
  // the key may be written with escapes
  if (!text.includes('$ref') && !text.includes('\\u')) return { text, places };
  for (const { start, end, key, value } of textMembersOf(text)) {
    if (key === '$ref') places.push({ start, end, reference: parseReference(value, earlier) });
  }
  return { text, places };
}

const tooLong = (limit: number): Error =>
  apiError('AURA101', 'The request is too large with the values that it refers to', {
    details: `At most ${limit} characters are put together.`,
    hint: 'Refer to smaller values, or raise server-max-body-size.',
  });

/** The body with the values in place. Throws AURA123, and AURA101 where it has more than `limit` characters. */
export function fillBody({ text, places }: BodyTemplate, answerOf: AnswerOf, limit: number): string {
  const parts: string[] = [];
  let done = 0;
  let length = text.length;
  for (const { start, end, reference } of places) {
    const value = resolve(reference, answerOf);
    length += value.length;
    // a short reference can stand for a long value, many times
    if (length > limit) throw tooLong(limit);
    parts.push(text.slice(done, start), value);
    done = end;
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(done);
}

/** A path and query in which marks stand for references. */
export interface AddressTemplate {
  readonly path: string;
  readonly query: string;
  /** By the numbers of their marks. */
  readonly references: readonly Reference[];
}

/** Letters and digits that nobody writes, so that no rule of the grammar tells them from an ordinary value. */
const MARK = `r${randomBytes(9).toString('hex')}`;
const MARKS = new RegExp(`${MARK}x(\\d+)x`, 'g');

const PLACEHOLDER = /\{(#[^{}]*)\}/g;

/** Reads a path with its query. Throws AURA122. */
export function parseAddress(address: string, earlier: Earlier): AddressTemplate {
  const references: Reference[] = [];
  const marked = address.replace(PLACEHOLDER, (_, text: string) => {
    references.push(parseReference(text, earlier));
    return `${MARK}x${references.length - 1}x`;
  });
  const at = marked.indexOf('?');
  const path = at < 0 ? marked : marked.slice(0, at);
  const query = at < 0 ? '' : marked.slice(at + 1);
  if (marked.includes('#')) {
    throw apiError('AURA122', 'The path has a # that begins no reference', {
      details: `The path is ${address}.`,
      hint: 'Write references as {#/<name or index>/body/...}, and # itself as %23.',
    });
  }
  return { path, query, references };
}

const notAValue = (text: string): Error =>
  invalid(
    text,
    'In a path a reference can stand for the value of a filter or of an argument, and for nothing else.',
    'Put it behind an operator, such as id=eq.{#/0/body/0/id}; in and/or, order, limit and select it cannot stand.',
  );

/** Refuses marks that became part of what is asked, rather than a value of it. Throws AURA122. */
export function refuseMarks({ key, pairs }: RequestShape, { references }: AddressTemplate): void {
  const [first] = references;
  if (!first) return;
  // an offset is a value, but a number at once
  const offset = pairs.some(([name, value]) => name === 'offset' && value.includes(MARK));
  if (offset || key.includes(MARK)) throw notAValue(first.text);
}

/** The value as it is bound: text as it is, anything else as its JSON. */
function boundText(reference: Reference, answerOf: AnswerOf): string {
  const json = resolve(reference, answerOf);
  if (json === 'null') {
    throw unresolved(
      reference,
      'The value is null, which no operator compares with.',
      'Use is.null instead.',
    );
  }
  return json.startsWith('"') ? JSON.parse(json) : json;
}

/**
 * What puts the values into a text in the place of their marks; null where there are no marks. Throws AURA123, and
 * AURA101 where they have more than `limit` characters.
 */
export function createFill(
  { references }: AddressTemplate,
  answerOf: AnswerOf,
  limit: number,
): ((text: string) => string) | null {
  if (references.length === 0) return null;
  let length = 0;
  const values = references.map((reference) => {
    const value = boundText(reference, answerOf);
    length += value.length;
    if (length > limit) throw tooLong(limit);
    return value;
  });
  return (text) => text.replace(MARKS, (mark, index: string) => values[Number(index)] ?? mark);
}

/** A text for the client: references as they were written. */
export const withoutMarks = (text: string, { references }: AddressTemplate): string =>
  text.replace(MARKS, (mark, index: string) => {
    const reference = references[Number(index)];
    return reference ? `{${reference.text}}` : mark;
  });
