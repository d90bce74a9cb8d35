/**
 * The configuration as it is in force: loaded at the start, and again when asked, with what the database says.
 * A configuration that cannot be used is reported, and the one before stays.
 */
import { readFileSync } from 'node:fs';
import { parseRoleSettings, type RoleSettings } from './config/role-settings.ts';
import type { DatabaseSetting } from './config/sources.ts';
import { type Config, databaseSettingNames } from './config.ts';
import type { Pool } from './execute/pool.ts';
import { ask, type Question } from './execute/query.ts';
import { repositoryFile } from './host/files.ts';
import type { Observe } from './observe/observation.ts';
import { compile, qualified, sql } from './query/sql.ts';

/** Builds the configuration from its sources and what the database says. Throws ConfigError. */
export type LoadConfig = (database: readonly DatabaseSetting[]) => Config;

/** What the database says besides: settings of roles, and who the server is logged in as. */
export interface DatabaseFacts {
  readonly settings: readonly DatabaseSetting[];
  readonly roles: ReadonlyMap<string, RoleSettings>;
  readonly loginRole: string;
  /** Statements that look costly are compiled to machine code, also where that takes longer than to run them. */
  readonly compiles: boolean;
}

const readSql = (file: string): string =>
  readFileSync(repositoryFile(`sql/config/${file}`), 'utf8').replace(/;\s*$/, '');

const text = (value: string | null | undefined): string => value ?? '';

/**
 * Asks the database for its part of the configuration, in one transaction. Rejects as `ask` does.
 */
export async function loadDatabaseFacts(
  pool: Pool,
  config: Pick<Config, 'dbConfig' | 'dbPreConfig'>,
): Promise<DatabaseFacts> {
  const { dbPreConfig } = config;
  const before: Question[] =
    dbPreConfig === null ? [] : [{ text: compile(sql`select from ${qualified(dbPreConfig)}()`).text }];
  const questions: Question[] = [
    { text: 'select session_user::text, pg_jit_available()::text' },
    { text: readSql('role-settings.sql') },
    ...(config.dbConfig
      ? [
          ...before,
          {
            text: readSql('settings.sql'),
            values: [databaseSettingNames, String(dbPreConfig !== null)],
          },
        ]
      : []),
  ];
  const answers = await ask(pool, questions);
  const settings = config.dbConfig ? (answers.at(-1) ?? []) : [];
  return {
    loginRole: text(answers[0]?.[0]?.[0]),
    compiles: answers[0]?.[0]?.[1] === 'true',
    roles: parseRoleSettings(
      (answers[1] ?? []).map(([role, name, value]) => ({
        role: text(role),
        name: text(name),
        value: text(value),
      })),
    ),
    settings: settings.map(([name, value]) => ({ name: text(name), value: text(value) })),
  };
}

/** What is in force, and what the server makes of it. */
export interface SettingsInForce<T> {
  readonly config: Config;
  readonly facts: DatabaseFacts;
  readonly derived: T;
}

export interface SettingsHolder<T> {
  /** Before the first load: the configuration without what the database says. */
  readonly current: () => SettingsInForce<T>;
  /** Loads at the start. Rejects as `ask` does, and with ConfigError. */
  readonly load: () => Promise<void>;
  /**
   * Loads anew. What cannot be used is observed, and the settings before stay. However many call, one load runs
   * at a time, and all who come meanwhile share the next.
   */
  readonly reload: () => Promise<void>;
}

const NO_FACTS: DatabaseFacts = { settings: [], roles: new Map(), loginRole: '', compiles: false };

/** Holds the settings of a server; `load` asks its database, `derive` makes of them what serving needs. */
export function createSettingsHolder<T>(
  loadConfig: LoadConfig,
  load: (config: Config) => Promise<DatabaseFacts>,
  derive: (config: Config, facts: DatabaseFacts) => T,
  observe: Observe,
): SettingsHolder<T> {
  const make = (facts: DatabaseFacts): SettingsInForce<T> => {
    const config = loadConfig(facts.settings);
    return { config, facts, derived: derive(config, facts) };
  };
  let inForce = make(NO_FACTS);
  let running: Promise<void> = Promise.resolve();
  let queued: Promise<void> | null = null;

  const replace = async (): Promise<void> => {
    inForce = make(await load(inForce.config));
  };
  const again = async (): Promise<void> => {
    queued = null;
    try {
      await replace();
      observe({ kind: 'config reloaded' });
    } catch (error) {
      observe({ kind: 'config rejected', error });
    }
  };
  return {
    current: () => inForce,
    load: replace,
    reload: () => {
      if (queued === null) {
        queued = running.then(again);
        running = queued;
      }
      return queued;
    },
  };
}
