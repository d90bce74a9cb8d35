/**
 * Settings of the database connection, of what is exposed of the database, and of transactions.
 */
import { boolean, choice, integer, list, qualifiedName, text } from './kinds.ts';
import { ownSetting, setting } from './setting.ts';

const YEAR_IN_SECONDS = 31_536_000;
const WEEK_IN_SECONDS = 604_800;
const HIDDEN_SCHEMAS: readonly string[] = ['pg_catalog', 'information_schema'];

export const databaseSettings = {
  'db-uri': setting(
    text('a PostgreSQL connection string, or @ and the name of a file that holds one'),
    'postgresql://',
    {
      description:
        'Where the database is and as whom to log in: a connection URI or keywords and values; what it leaves out comes from the PG* environment variables. `@file` reads it from a file.',
      secret: true,
    },
  ),
  'db-schemas': setting(
    list(
      'names of schemas, separated by commas; pg_catalog and information_schema cannot be exposed',
      (name) => !HIDDEN_SCHEMAS.includes(name),
    ),
    ['public'],
    {
      description:
        'The schemas whose tables, views and functions are served. The first is the default; a client chooses another with `Accept-Profile` or `Content-Profile`.',
      reloadable: true,
      inDatabase: true,
      aliases: ['db-schema'],
    },
  ),
  'db-extra-search-path': setting(list('names of schemas, separated by commas'), ['public'], {
    description:
      'Schemas added to the search path of every request without being served, for extensions and shared functions. The empty text adds none.',
    reloadable: true,
    inDatabase: true,
    keepsEmpty: true,
  }),
  'db-anon-role': setting(text('the name of a role'), null, {
    description: 'The role of requests that bring no token. Without one, such requests are refused.',
    reloadable: true,
    inDatabase: true,
    defaultNote: 'none',
  }),
  'db-pre-request': setting(qualifiedName, null, {
    description:
      'A function to call in every request after its role and settings are in place and before its statement runs; what it raises ends the request.',
    reloadable: true,
    inDatabase: true,
    aliases: ['pre-request'],
    defaultNote: 'none',
  }),
  'db-root-spec': setting(qualifiedName, null, {
    description: 'A function whose result is served at the root of the API in place of the OpenAPI document.',
    reloadable: true,
    inDatabase: true,
    aliases: ['root-spec'],
    defaultNote: 'none',
  }),
  'db-config': setting(boolean, true, {
    description: 'Whether settings stored in the database are read.',
    reloadable: true,
  }),
  'db-pre-config': setting(qualifiedName, null, {
    description:
      'A function that sets in-database settings with `set_config`; it is called each time they are read.',
    reloadable: true,
    inDatabase: true,
    defaultNote: 'none',
  }),
  'db-channel': setting(text('the name of a channel'), 'pgrst', {
    description: 'The `NOTIFY` channel on which reloads are asked for.',
    reloadable: true,
  }),
  'db-channel-enabled': setting(boolean, true, {
    description: 'Whether to listen on that channel. Turn it off behind a pooler in transaction mode.',
    reloadable: true,
  }),
  'db-tx-end': setting(
    choice(['commit', 'commit-allow-override', 'rollback', 'rollback-allow-override']),
    'commit',
    {
      description: 'How transactions end, and whether a request may choose otherwise with `Prefer: tx=...`.',
      inDatabase: true,
    },
  ),
  'db-hoisted-tx-settings': setting(
    list('names of PostgreSQL settings, separated by commas'),
    ['statement_timeout', 'plan_filter.statement_cost_limit', 'default_transaction_isolation'],
    {
      description:
        'Settings that, where a function carries them, hold for the whole transaction that calls it.',
      reloadable: true,
      inDatabase: true,
    },
  ),
  'db-aggregates-enabled': setting(boolean, true, {
    description:
      "Whether requests may use aggregate functions in `select`. PostgREST's default is false; here `db-max-aggregate-cost` bounds them.",
    reloadable: true,
    inDatabase: true,
  }),
  'db-plan-enabled': setting(boolean, false, {
    description:
      'Whether `Accept: application/vnd.pgrst.plan` answers with the execution plan. It shows internals: for development.',
    reloadable: true,
    inDatabase: true,
  }),
  'db-prepared-statements': setting(boolean, true, {
    description:
      'Whether statements are prepared. Turn it off behind a pooler in transaction mode; it costs speed.',
    reloadable: true,
    inDatabase: true,
  }),
  'db-pool': setting(integer(1, 1000), 8, {
    description: 'How many connections the pool holds at most. PostgREST has 10; 8 measured faster here.',
  }),
  'db-pool-acquisition-timeout': setting(integer(1, 3600, 'seconds'), 10, {
    description: 'How long a request waits for a connection before it is answered 503 with `Retry-After`.',
  }),
  'db-pool-max-lifetime': setting(integer(1, YEAR_IN_SECONDS, 'seconds'), 1800, {
    description: 'The age at which a connection is replaced.',
  }),
  'db-pool-max-idletime': setting(integer(1, YEAR_IN_SECONDS, 'seconds'), 30, {
    description: 'How long a connection may lie idle before it is closed.',
    aliases: ['db-pool-timeout'],
  }),
  'db-pool-automatic-recovery': setting(boolean, true, {
    description: 'Whether to reconnect when the database goes away. Otherwise the process ends.',
    reloadable: true,
  }),
  'db-max-rows': setting(integer(0), null, {
    description: 'The most rows that one answer holds, whatever the request asks for.',
    reloadable: true,
    inDatabase: true,
    aliases: ['max-rows'],
    defaultNote: 'no limit',
  }),
  'db-max-stream-rows': ownSetting(integer(0), null, {
    description:
      'The most rows that a streamed answer holds, in the place of `db-max-rows`, which goes on to bound the embedded rows of each.',
    reloadable: true,
    inDatabase: true,
    defaultNote: 'no limit',
  }),
  'db-max-streams': ownSetting(integer(0, 1000), null, {
    description:
      'How many streamed answers and imports may run at a time, each of which holds a connection. One more is answered 503 with `Retry-After`; 0 allows none.',
    reloadable: true,
    inDatabase: true,
    defaultNote: 'half of `db-pool`, at least one',
  }),
  'db-stream-timeout': ownSetting(integer(1, WEEK_IN_SECONDS, 'seconds'), 3600, {
    description:
      'How long a streamed answer or an import may take in all. `db-statement-timeout` bounds each batch of rows by itself.',
    reloadable: true,
    inDatabase: true,
  }),
  'db-max-cost': ownSetting(integer(0, undefined, 'cost units of the planner'), 0, {
    description:
      'The most that PostgreSQL may expect a read to cost, as EXPLAIN tells it before the read is run for the first time. What would cost more is answered 400. 0 is no limit.',
    reloadable: true,
    inDatabase: true,
    defaultNote: 'no limit',
  }),
  'db-max-aggregate-cost': ownSetting(integer(0, undefined, 'cost units of the planner'), 250_000, {
    description: 'The same for reads that aggregate, beside `db-max-cost`. 0 leaves them to `db-max-cost`.',
    reloadable: true,
    inDatabase: true,
  }),
  'db-statement-timeout': ownSetting(integer(0, YEAR_IN_SECONDS, 'seconds'), 30, {
    description:
      "How long the statements of a request may run. The role's own `statement_timeout`, or a called function's hoisted one, counts where it is shorter; 0 leaves the matter to them.",
    reloadable: true,
    inDatabase: true,
  }),
  'db-max-embed-depth': ownSetting(integer(0, 100), 10, {
    description: 'How deep embedded resources may nest in one request.',
    reloadable: true,
    inDatabase: true,
  }),
  'db-max-nested-objects': ownSetting(integer(1, 10_000_000), 50_000, {
    description: 'The most objects, at all levels together, that the body of one nested write may hold.',
    reloadable: true,
    inDatabase: true,
  }),
  'db-max-filters': ownSetting(integer(0), 200, {
    description:
      'The most filters, in all its embeds and logical groups together, that one request may carry.',
    reloadable: true,
    inDatabase: true,
  }),
  'db-max-statements': ownSetting(integer(1, 10_000), 200, {
    description:
      'The most prepared statements that are kept on one connection; the least used is closed first.',
  }),
  'db-plan-cache-size': ownSetting(integer(0, 1_000_000), 1000, {
    description: 'The most request shapes whose plan and SQL are kept, in the whole process. 0 keeps none.',
  }),
  'require-rls': ownSetting(choice(['enforce', 'warn', 'off']), 'enforce', {
    description:
      'Whether a relation must be protected to be served to a role without BYPASSRLS: a table by Row-Level Security, a view by `security_invoker`, anything else by a waiver in its comment. `warn` serves it and says so in the log; `off` serves it.',
    reloadable: true,
    inDatabase: false,
  }),
  'url-use-legacy-target-names': setting(boolean, true, {
    description:
      "Whether filters, order and limits may name an embedded resource by its relation's name although it has an alias.",
    reloadable: true,
    inDatabase: true,
  }),
  'client-error-verbosity': setting(choice(['verbose', 'minimal']), 'verbose', {
    description: 'Whether errors carry all four fields, or only code and message.',
    reloadable: true,
    inDatabase: true,
  }),
} as const;
