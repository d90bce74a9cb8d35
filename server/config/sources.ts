/**
 * Where settings come from: flags, the database, the environment and a file, in this order of precedence.
 * A source is a list of raw values by setting name; what each says of its place serves the messages.
 */
import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { parse as parseToml } from 'smol-toml';
import { parseConfFile } from './conf-file.ts';

/** A raw value and the place that it stands at, as a person would name it. */
export interface Raw {
  readonly value: unknown;
  readonly place: string;
}

/** One source: raw values by setting name (or alias). */
export type Source = ReadonlyMap<string, Raw>;

/** Names and values as `sql/config/settings.sql` returns them: `pgrst.db_schemas`, `aura.require_rls`. */
export interface DatabaseSetting {
  readonly name: string;
  readonly value: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const APP_SETTINGS = 'app.settings.';

/** `AURA_DB_SCHEMAS`, else `PGRST_DB_SCHEMAS`, both as `db-schemas`; `..._APP_SETTINGS_X` as `app.settings.x`. */
export function environmentSource(env: Environment): Source {
  const source = new Map<string, Raw>();
  for (const prefix of ['PGRST_', 'AURA_']) {
    for (const [variable, value] of Object.entries(env)) {
      if (!variable.startsWith(prefix) || value === undefined) continue;
      const rest = variable.slice(prefix.length);
      const name = rest.startsWith('APP_SETTINGS_')
        ? APP_SETTINGS + rest.slice('APP_SETTINGS_'.length)
        : rest.toLowerCase().replaceAll('_', '-');
      source.set(name, { value, place: `environment variable ${variable}` });
    }
  }
  return source;
}

/** The rows of the database by setting name; where both prefixes name one setting, `aura.` wins. */
export function parseDatabaseSettings(rows: readonly DatabaseSetting[]): Source {
  const source = new Map<string, Raw>();
  for (const prefix of ['pgrst.', 'aura.']) {
    for (const { name, value } of rows) {
      if (!name.startsWith(prefix)) continue;
      const setting = name.slice(prefix.length).replaceAll('_', '-');
      source.set(setting, { value, place: `database setting ${name}` });
    }
  }
  return source;
}

/** Flags by setting name (`db-schemas`). */
export function flagSource(flags: Readonly<Record<string, unknown>>): Source {
  const source = new Map<string, Raw>();
  for (const [name, value] of Object.entries(flags)) {
    if (value !== undefined) source.set(name, { value, place: `flag --${name}` });
  }
  return source;
}

/**
 * The settings of a file: TOML where its name ends in `.toml`, else PostgREST's format. In TOML a table adds
 * its name in front, so that `[db]` with `schemas` is `db-schemas`; `[app.settings]` holds `app.settings.*`.
 * Throws what reading and parsing throw.
 */
export function fileSource(path: string, env: Environment): Source {
  const text = readFileSync(path, 'utf8');
  const source = new Map<string, Raw>();
  const place = `file ${path}`;
  if (path.endsWith('.toml')) {
    for (const [name, value] of flatten(parseToml(text), '')) source.set(name, { value, place });
    return source;
  }
  const load = (name: string, importer: string): { text: string; path: string } => {
    const target = isAbsolute(name) ? name : join(dirname(importer), name);
    return { text: readFileSync(target, 'utf8'), path: target };
  };
  for (const [name, value] of parseConfFile({ text, path, env, load })) source.set(name, { value, place });
  return source;
}

function* flatten(table: Readonly<Record<string, unknown>>, prefix: string): Iterable<[string, unknown]> {
  for (const [key, value] of Object.entries(table)) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Date) {
      yield [prefix + key, value];
      continue;
    }
    const inApp = prefix.startsWith('app.') || (prefix === '' && key === 'app');
    yield* flatten(value as Readonly<Record<string, unknown>>, `${prefix}${key}${inApp ? '.' : '-'}`);
  }
}
