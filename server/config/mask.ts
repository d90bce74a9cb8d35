/**
 * Texts without their secrets, for logs and dumps.
 */

const MASK = '********';

/**
 * `postgres://user:secret@host/db` → `postgres://user:********@host/db`, and the same for `password=` in
 * keywords and values or in the query of a URI.
 */
export function maskConnectionString(text: string): string {
  // Up to the last @: a password that was not percent-encoded may hold any character, / and @ too.
  const uri = /^(postgres(?:ql)?:\/\/)(.*@)?(.*)$/s.exec(text);
  if (uri === null) {
    return text.replaceAll(
      /\b((?:ssl)?password)(\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)/gi,
      (_, key: string, equals: string) => `${key}${equals}${MASK}`,
    );
  }
  const [, scheme = '', login = '', rest = ''] = uri;
  const colon = login.indexOf(':');
  const shownLogin = colon < 0 ? login : `${login.slice(0, colon)}:${MASK}@`;
  return scheme + (shownLogin + rest).replaceAll(/([?&](?:ssl)?password=)[^&]*/gi, `$1${MASK}`);
}

/**
 * Any text without the passwords of URIs and connection strings in it, and without JSON Web Tokens. Texts can
 * come from clients: no pattern here may take longer than a line through them.
 */
export const maskSecrets = (text: string): string =>
  text
    .replaceAll(/(\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@"']*:)[^\s/@"']*@/gi, `$1${MASK}@`)
    .replaceAll(/\b((?:ssl)?password\s{0,9}=\s{0,9})('(?:[^'\\]|\\.)*'|[^\s&"']+)/gi, `$1${MASK}`)
    .replaceAll(/(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*/g, MASK);

/** A query string without the values of parameters that carry keys and tokens. */
export const maskQuery = (query: string): string =>
  maskSecrets(query).replaceAll(
    /((?:^|&)(?:apikey|api_key|token|access_token|refresh_token|jwt)=)[^&]*/gi,
    `$1${MASK}`,
  );
