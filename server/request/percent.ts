/**
 * Percent-encoding (RFC 3986 section 2.1), as paths have it and as query strings and forms do. What it encodes
 * must be UTF-8; a percent sign that begins no escape stands for itself.
 */
import { apiError } from '../errors/codes.ts';

/** The text of a path's segment. Throws AURA104. */
export function decodePercent(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return decodeLeniently(text);
  }
}

function decodeLeniently(text: string): string {
  try {
    return decodeURIComponent(text.replace(/%(?![0-9a-fA-F]{2})/g, '%25'));
  } catch (cause) {
    throw apiError('AURA104', 'The request is not valid UTF-8', {
      details: 'A percent-encoded part does not decode to UTF-8.',
      hint: 'Percent-encode UTF-8.',
      cause,
    });
  }
}

/** The text of a name or value of a query string or form, where a plus is a space. Throws AURA104. */
export const decodeForm = (text: string): string => decodePercent(text.replaceAll('+', ' '));

/** What percent-encoding leaves as it is (RFC 3986 section 2.3). */
const UNRESERVED = /^[\w.~-]*$/;

/** Percent-encodes all but the unreserved characters. */
export const encodeStrictly = (text: string): string =>
  UNRESERVED.test(text)
    ? text
    : encodeURIComponent(text).replace(
        /[!'()*]/g,
        (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
      );
