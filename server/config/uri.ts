/**
 * The two checks of URIs that settings need. WHATWG's `URL` repairs what it reads, so that it cannot say
 * whether a text is a URI by RFC 3986.
 */

const URI_CHARACTERS = /^[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*$/;

/** What `jwt-aud` may be: any text, but a URI where it contains a colon (RFC 7519, StringOrURI). */
export const isAudience = (text: string): boolean => !text.includes(':') || URI_CHARACTERS.test(text);

/** An absolute http(s) URI with a host and without user, query and fragment: `https://example.com:8443/base`. */
export function isProxyUri(text: string): boolean {
  if (!URI_CHARACTERS.test(text) || /[?#]/.test(text)) return false;
  const match = /^https?:\/\/(\[[0-9A-Fa-f:.]+\]|[^/:@[\]]+)(?::(\d*))?(?:\/.*)?$/i.exec(text);
  if (match === null) return false;
  const port = match[2];
  return port === undefined || port === '' || (Number(port) >= 1 && Number(port) <= 65_535);
}
