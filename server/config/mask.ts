/**
 * Connection strings without their passwords, for logs and dumps.
 */

const MASK = '********';

/**
 * `postgres://user:secret@host/db` → `postgres://user:********@host/db`, and the same for `password=` in
 * keywords and values or in the query of a URI.
 */
export function maskConnectionString(text: string): string {
  const uri = /^(postgres(?:ql)?:\/\/)([^/]*@)?(.*)$/s.exec(text);
  if (uri === null) {
    return text.replaceAll(
      /\b((?:ssl)?password)(\s*=\s*)('(?:[^'\\]|\\.)*'|\S+)/gi,
      (_, key: string, equals: string) => `${key}${equals}${MASK}`,
    );
  }
  const [, scheme = '', login = '', rest = ''] = uri;
  const colon = login.indexOf(':');
  const shownLogin = colon < 0 ? login : `${login.slice(0, colon)}:${MASK}@`;
  return scheme + shownLogin + rest.replaceAll(/([?&](?:ssl)?password=)[^&]*/gi, `$1${MASK}`);
}
