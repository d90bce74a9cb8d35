/**
 * Settings of tokens: the keys that verify them, and which claim names the role.
 */

import { boolean, integer, list, text, textWhere } from './kinds.ts';
import { parseRolePath } from './role-path.ts';
import { ownSetting, setting } from './setting.ts';
import { isAudience } from './uri.ts';

const isRolePath = (path: string): boolean => parseRolePath(path).kind !== 'invalid';

export const jwtSettings = {
  'jwt-secret': setting(
    text('a secret of at least 32 bytes, a JWK, a JWK set, or @ and the name of a file'),
    null,
    {
      description:
        'What verifies tokens: a shared secret (HS256), or a JSON Web Key or key set, whose keys may be shared or public. `@file` reads it from a file. Without one, requests that bring a token are refused.',
      reloadable: true,
      inDatabase: true,
      secret: true,
      defaultNote: 'none',
    },
  ),
  'jwt-secret-is-base64': setting(boolean, false, {
    description: 'Whether `jwt-secret` is base64 of the bytes that are meant.',
    reloadable: true,
    inDatabase: true,
    aliases: ['secret-is-base64'],
  }),
  'jwt-aud': setting(textWhere('a text, which must be a URI if it contains a colon', isAudience), null, {
    description:
      'The audience that tokens must be meant for. A token without `aud`, or with null or an empty list there, is meant for everyone.',
    reloadable: true,
    inDatabase: true,
    defaultNote: 'any',
  }),
  'jwt-role-claim-key': setting(
    textWhere('a JSONPath such as $.role (RFC 9535), or the older form .role', isRolePath),
    '$.role',
    {
      description:
        'Where in the claims the role is: a JSONPath (RFC 9535), of whose results the first counts. The older form `.path.to[0].role` still works and is deprecated. In a `.conf` file write `$$` for `$`.',
      reloadable: true,
      inDatabase: true,
      aliases: ['role-claim-key'],
    },
  ),
  'jwt-cache-max-entries': setting(integer(0, 1_000_000), 1000, {
    description: 'The most verified tokens that are remembered. 0 verifies every token of every request.',
    reloadable: true,
    inDatabase: true,
  }),
  'api-keys': ownSetting(
    list('keys with their roles as key=role, separated by commas', (item) =>
      /^[^\s=]{16,}=[^\s=]+$/.test(item),
    ),
    [],
    {
      description:
        'Keys that are no tokens, each with the role that a request runs as which brings it: `sb_publishable_...=anon`. In the header `apikey` they count where no token comes beside them.',
      reloadable: true,
      secret: true,
      defaultNote: 'none',
    },
  ),
  'jwt-max-length': ownSetting(integer(256, 1_048_576, 'bytes'), 16_384, {
    description: 'The longest token that is looked at.',
    reloadable: true,
  }),
} as const;
