/**
 * Settings of the HTTP servers, of logs and of the OpenAPI document.
 */
import { boolean, choice, fileMode, integer, list, text, textWhere } from './kinds.ts';
import { ownSetting, setting } from './setting.ts';
import { isProxyUri } from './uri.ts';

const isHeaderName = (name: string): boolean => /^[\w!#$%&'*+.^`|~-]+$/.test(name);
const isPathPrefix = (path: string): boolean => path === '/' || /^(?:\/[\w.~-]+)+$/.test(path);

export const httpSettings = {
  'server-host': setting(text('an address, a host name, or one of * *4 !4 *6 !6'), '!4', {
    description:
      'Where the API listens. `!4` is every IPv4 address, `!6` every IPv6 address, `*`, `*4` and `*6` are both, with or without a preference.',
  }),
  'server-port': setting(integer(0, 65_535), 3000, {
    description: 'The TCP port of the API. 0 takes a free one.',
  }),
  'server-reuseport': setting(boolean, false, {
    description: 'Whether several processes may listen on the same port (`SO_REUSEPORT`).',
  }),
  'server-unix-socket': setting(text('a path'), null, {
    description: 'A Unix socket for the API, in place of host and port.',
    defaultNote: 'none',
  }),
  'server-unix-socket-mode': setting(fileMode, 0o660, {
    description: "The file mode of the API's Unix socket.",
  }),
  'rest-prefix': ownSetting(
    textWhere('a path that begins with / and does not end with it, or / alone', isPathPrefix),
    '/rest/v1',
    {
      description: 'The path under which REST is served. `/` serves it at the root, as PostgREST does.',
    },
  ),
  'server-cors-allowed-origins': setting(list('origins, separated by commas'), [], {
    description: 'The origins that browsers may call from.',
    inDatabase: true,
    defaultNote: 'every origin',
  }),
  'server-trace-header': setting(textWhere('the name of a header', isHeaderName), null, {
    description:
      "A request header whose value comes back in the answer and serves as the request's id in the log.",
    reloadable: true,
    inDatabase: true,
    defaultNote: 'none',
  }),
  'server-timing-enabled': setting(boolean, false, {
    description: 'Whether answers say in `Server-Timing` how long each step took.',
    reloadable: true,
    inDatabase: true,
  }),
  'server-max-body-size': ownSetting(integer(0, 2_147_483_647, 'bytes'), 10_485_760, {
    description: 'The largest request body that is read. Anything larger is answered 413.',
    reloadable: true,
  }),
  'server-max-import-size': ownSetting(integer(0, 1_099_511_627_776, 'bytes'), 1_073_741_824, {
    description:
      'The largest body of an import (CSV or NDJSON that is written while it arrives). Anything larger is answered 413, and nothing of it stays.',
    reloadable: true,
  }),
  'server-stream-idle-timeout': ownSetting(integer(1, 3600, 'seconds'), 60, {
    description:
      'How long the client of a streamed answer may take nothing, or that of an import send nothing, before it is cut off.',
    reloadable: true,
  }),
  'server-max-url-length': ownSetting(integer(256, 1_048_576, 'bytes'), 16_384, {
    description:
      'The longest request target (path and query). Anything longer is answered 414. Where the parameters of a read come in its body, that may be sixteen times as long.',
  }),
  'server-max-batch-steps': ownSetting(integer(1, 10_000), 50, {
    description: 'The most requests that one batch may hold.',
    reloadable: true,
  }),
  'server-max-batch-result-size': ownSetting(integer(1, 2_147_483_647, 'bytes'), 67_108_864, {
    description:
      'The most that the results of a batch together may hold. What would be larger is answered 400, and nothing of it stays.',
    reloadable: true,
  }),
  'server-batch-timeout': ownSetting(integer(0, 3600, 'seconds'), 30, {
    description:
      'How long all requests of a batch together may take. Each of its statements has its own timeout as well; 0 leaves the matter to those.',
    reloadable: true,
  }),
  'server-etag-enabled': ownSetting(boolean, true, {
    description:
      'Whether reads of relations are answered with an `ETag`, and with 304 where `If-None-Match` has it already. `If-Match` is heeded either way.',
    reloadable: true,
    inDatabase: true,
  }),
  'cursor-secret': ownSetting(
    textWhere('a text of at least 32 characters', (secret) => secret.length >= 32),
    null,
    {
      description:
        'What the cursors of pages are signed with; all processes behind one address need the same. Without it the shared keys of `jwt-secret` serve.',
      reloadable: true,
      inDatabase: true,
      secret: true,
      defaultNote: 'derived from `jwt-secret`',
    },
  ),
  'server-shutdown-timeout': ownSetting(integer(0, 3600, 'seconds'), 8, {
    description:
      'How long requests in flight may take to finish after SIGTERM or SIGINT before they are cut off.',
  }),
  'admin-server-host': setting(text('an address, a host name, or one of * *4 !4 *6 !6'), '127.0.0.1', {
    description:
      "Where the admin server listens. PostgREST takes the API's host; here it is the loopback address unless you say otherwise.",
  }),
  'admin-server-port': setting(integer(0, 65_535), null, {
    description: 'The port of the admin server; it must differ from `server-port`. Without it there is none.',
    defaultNote: 'no admin server',
  }),
  'admin-server-unix-socket': setting(text('a path'), null, {
    description: 'A Unix socket for the admin server, in place of host and port.',
    defaultNote: 'none',
  }),
  'admin-server-unix-socket-mode': setting(fileMode, 0o660, {
    description: "The file mode of the admin server's Unix socket.",
  }),
  'admin-server-token': ownSetting(
    textWhere('a text of at least 32 characters', (token) => token.length >= 32),
    null,
    {
      description:
        'A token that `/metrics`, `/config` and `/schema_cache` of the admin server ask for as `Authorization: Bearer`. An admin server that others than this machine can reach needs one.',
      secret: true,
      defaultNote: 'none',
    },
  ),
  'log-level': setting(choice(['crit', 'error', 'warn', 'info', 'debug']), 'error', {
    description:
      'What is logged: `crit` start, stop and recovery; `error` also answers of 500 and above; `warn` also those of 400 and above; `info` every request; `debug` also the pool and the catalog at work.',
    reloadable: true,
  }),
  'log-query': setting(boolean, false, {
    description:
      'Whether the log holds the SQL of the requests that it holds, and their query strings. Both can carry personal data; parameters are never logged.',
    reloadable: true,
  }),
  'openapi-mode': setting(
    choice(['follow-privileges', 'ignore-privileges', 'disabled']),
    'follow-privileges',
    {
      description:
        "What the OpenAPI document shows: what the caller's role may use, everything exposed, or nothing at all.",
      reloadable: true,
      inDatabase: true,
    },
  ),
  'openapi-version': ownSetting(choice(['3.1', '2.0']), '3.1', {
    description:
      "The version of the OpenAPI document for clients that accept any (`*/*`, `application/json`): 3.1, or PostgREST's 2.0 (Swagger). By the names of their media types both can be had either way. In a Supabase project folder the default is 2.0.",
    reloadable: true,
  }),
  'docs-enabled': ownSetting(boolean, false, {
    description:
      'Whether `/docs` serves an interactive reference of the API, made of the OpenAPI document. `aura dev` turns it on unless it is told otherwise.',
    reloadable: true,
  }),
  'openapi-security-active': setting(boolean, false, {
    description:
      'Whether the OpenAPI document says that a token is needed. That of version 3.1 has the ways to send one in any case, and says so by itself where there is no `db-anon-role`.',
    reloadable: true,
    inDatabase: true,
  }),
  'openapi-server-proxy-uri': setting(
    textWhere(
      'an absolute http or https URI without user, query and fragment, such as https://example.com:8443/base',
      isProxyUri,
    ),
    null,
    {
      description: 'The address of the API as its clients see it, for the OpenAPI document.',
      inDatabase: true,
      defaultNote: 'the address that it listens on',
    },
  ),
} as const;
