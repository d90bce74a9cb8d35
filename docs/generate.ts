/**
 * Writes the pages that come out of the code: `npm run docs`. A test holds the committed pages against this.
 */
import { writeFileSync } from 'node:fs';
import { channelSettings } from '../server/config/channels.ts';
import { databaseSettings } from '../server/config/database.ts';
import { graphqlSettings } from '../server/config/graphql.ts';
import { httpSettings } from '../server/config/http.ts';
import { jwtSettings } from '../server/config/jwt.ts';
import { realtimeSettings } from '../server/config/realtime.ts';
import type { Section, Setting } from '../server/config/setting.ts';
import { codes } from '../server/errors/codes.ts';
import { sqlStatuses } from '../server/errors/postgres.ts';

/** Pages by their file names in this folder. */
export const pages: Readonly<Record<string, () => string>> = {
  'settings.md': renderSettings,
  'errors.md': renderErrors,
};

const SECTIONS: readonly (readonly [title: string, settings: Section])[] = [
  ['Database', databaseSettings],
  ['Tokens', jwtSettings],
  ['HTTP, log and OpenAPI', httpSettings],
  ['GraphQL', graphqlSettings],
  ['Realtime', realtimeSettings],
  ['Channels', channelSettings],
];

const INTRODUCTION = `# Settings

<!-- Generated from server/config by \`npm run docs\`: do not edit. -->

A setting can come from four places. Each wins over those below it:

1. a flag: \`aura start --db-pool 20\`;
2. the database: \`alter role authenticator set pgrst.db_schemas = 'api'\` (\`aura.db_schemas\` is the same and
   wins), \`alter role ... in database ...\`, or \`set_config\` in the function that \`db-pre-config\` names;
3. the environment: \`AURA_DB_POOL=20\`, or \`PGRST_DB_POOL=20\` for those who move over from PostgREST;
4. a file: TOML where its name ends in \`.toml\` (\`db-pool = 20\`, or \`pool = 20\` under \`[db]\`), else PostgREST's
   format (\`db-pool = 20\`, strings in double quotes, \`$(NAME)\` for an environment variable, \`$$\` for \`$\`).

Every problem is reported at once at the start, and a name that no setting has is answered with the nearest one.
\`aura start --dump-config\` prints what is in force, without secrets. Settings that are marked _reloadable_ follow
\`NOTIFY pgrst, 'reload config'\` and SIGUSR2; the others need a restart.

\`app.settings.*\` (\`AURA_APP_SETTINGS_NAME\`, \`app.settings.name\`) is passed on as it is: each becomes a setting of
every transaction, for \`current_setting('app.settings.name', true)\`. Names are in lower case.
`;

function renderSettings(): string {
  const blocks = SECTIONS.map(([title, settings]) => {
    const entries = Object.entries(settings).map(([name, setting]) => renderSetting(name, setting));
    return `## ${title}\n\n${entries.join('\n')}`;
  });
  return `${INTRODUCTION}\n${blocks.join('\n')}`;
}

function renderSetting(name: string, setting: Setting<unknown>): string {
  const variable = name.toUpperCase().replaceAll('-', '_');
  const facts = [
    `type: ${setting.kind.type}`,
    `default: ${renderDefault(setting)}`,
    `environment: \`AURA_${variable}\`${setting.origin === 'PostgREST' ? `, \`PGRST_${variable}\`` : ''}`,
    ...(setting.inDatabase
      ? [`in the database: \`${setting.origin === 'Aura' ? 'aura' : 'pgrst'}.${name.replaceAll('-', '_')}\``]
      : []),
    ...(setting.aliases.length > 0
      ? [`also: ${setting.aliases.map((alias) => `\`${alias}\``).join(', ')}`]
      : []),
    ...(setting.reloadable ? ['reloadable'] : []),
    ...(setting.secret ? ['secret'] : []),
    ...(setting.origin === 'Aura' ? ["Aura's own"] : []),
  ];
  return `### ${name}\n\n${setting.description}\n\n${facts.map((fact) => `- ${fact}`).join('\n')}\n`;
}

function renderDefault(setting: Setting<unknown>): string {
  if (setting.defaultNote !== null) return setting.defaultNote;
  return `\`${setting.kind.render(setting.default).replace(/^"(.*)"$/, '$1')}\``;
}

const ERRORS_INTRODUCTION = `# Errors

<!-- Generated from server/errors by \`npm run docs\`: do not edit. -->

Every error has PostgreSQL's four fields, and a status that says the same to HTTP:

\`\`\`
{"code": "PGRST205", "details": null, "hint": "Perhaps you meant the table 'public.tasks'", "message": "Could not find the table 'public.task' in the schema cache"}
\`\`\`

Codes that begin with PGRST are PostgREST's, for the same conditions, with the same messages; where PostgREST has no
hint there is none here. Codes that begin with AURA are Aura's own. All others are PostgreSQL's SQLSTATEs: what the
database refused, in its own words. With \`client-error-verbosity = minimal\` only code and message are sent. An error
that nobody foresaw is answered PGRSTX00 without its cause, which the log has.
`;

const SQL_INTRODUCTION = `## From PostgreSQL

What PostgreSQL raises keeps its code, message, detail and hint. The status follows from the code; of two lines that
fit the longer code counts, and what is in none is answered 400. \`42501\` (insufficient privilege) is 401 for the
anonymous role and 403 for others. A function chooses a status itself with SQLSTATE \`PT404\` and the like, or
everything with \`PGRST\`.

| SQLSTATE begins with | status |
| -------------------- | ------ |
`;

function renderErrors(): string {
  const groups: readonly (readonly [title: string, prefix: RegExp])[] = [
    ['The database and the server', /^(?:PGRST(?:0|X)|AURA0)/],
    ['The request', /^(?:PGRST1|AURA1)/],
    ['The catalog', /^(?:PGRST2|AURA2)/],
    ['GraphQL', /^AURA3/],
    ['Realtime', /^AURA4/],
    ['Tokens', /^PGRST3/],
  ];
  const sections = groups.map(([title, prefix]) => {
    const entries = Object.entries(codes)
      .filter(([code]) => prefix.test(code))
      .map(([code, { status, meaning, remedy }]) => `**${code}** (${status}). ${meaning} ${remedy}\n`);
    return `## ${title}\n\n${entries.join('\n')}`;
  });
  const rows = sqlStatuses.map(([prefix, status]) => `| \`${prefix}\` | ${status} |`);
  return `${ERRORS_INTRODUCTION}\n${sections.join('\n')}\n${SQL_INTRODUCTION}${rows.join('\n')}\n`;
}

if (import.meta.main) {
  for (const [file, render] of Object.entries(pages)) writeFileSync(new URL(file, import.meta.url), render());
}
