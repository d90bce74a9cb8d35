/**
 * `aura dev` on a copy of the tests' Supabase project, with the real server behind it and a PostgreSQL of its own:
 * the roles of such a project belong to a whole server, which the other tests must not share.
 */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { type DevContext, runDev } from '../../server/cli/dev.ts';
import { signToken } from '../../server/identity/sign.ts';
import { serve } from '../../server/main.ts';
import { DEFAULT_JWT_SECRET } from '../../server/project/supabase-config.ts';
import { findFreePort, writeFiles } from '../support/folder.ts';

export const fixture = join(import.meta.dirname, '../fixtures/supabase-project');

/** People of the fixture's seed by the `sub` of their token. Ada is a steward. */
export const people = {
  ada: '11111111-1111-4111-8111-111111111111',
  bo: '22222222-2222-4222-8222-222222222222',
  chitra: '33333333-3333-4333-8333-333333333333',
} as const;

export type Person = keyof typeof people;

/** What the auth service would give somebody who signs in. */
export const tokenOf = (person: Person): string =>
  signToken(DEFAULT_JWT_SECRET, {
    aud: 'authenticated',
    sub: people[person],
    email: `${person}@example.org`,
    role: 'authenticated',
    app_metadata: { provider: 'email', role: person === 'ada' ? 'steward' : 'member' },
    exp: Math.floor(Date.now() / 1000) + 3600,
  });

export interface Running {
  /** `http://127.0.0.1:PORT`, what `createClient` takes. */
  readonly url: string;
  readonly anonKey: string;
  readonly serviceKey: string;
  /** Connects `postgres`. */
  readonly databaseUri: string;
  /** Everything said so far. */
  readonly printed: () => string;
  /** A client with the publishable key: nobody in particular, or somebody who is signed in. */
  readonly client: (person?: Person) => SupabaseClient;
  stop(): Promise<void>;
}

const find = (text: string, pattern: RegExp): string => pattern.exec(text)?.[1] ?? '';

/** The client library's settings for a program that keeps no session. */
export const auth = { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false };

/** Copies the fixture to a folder, without the server's log. */
export const copyFixture = async (folder: string): Promise<void> => {
  await cp(fixture, folder, { recursive: true });
  await writeFiles(folder, { 'aura.toml': 'log-level = "crit"\n' });
};

/** Starts on a folder; resolves when the banner is out, rejects with what ended the start. */
export const startDev = async (projectDir: string): Promise<Running> => {
  const [port, dbPort] = await Promise.all([findFreePort(), findFreePort()]);
  const output: string[] = [];
  const say = (text: string): void => void output.push(`${text}\n`);
  const abort = new AbortController();
  const banner = Promise.withResolvers<void>();
  const context: DevContext = {
    version: '1.2.3',
    serve: (load, options) => serve(load, { ...options, version: 'test' }),
    steps: { begin: say, note: say, finish: () => undefined, fail: () => undefined },
    print: (text) => {
      say(text);
      if (text.includes('Try it:')) banner.resolve();
    },
    bold: (text) => text,
    signal: abort.signal,
  };
  const done = runDev({ projectDir, port, dbPort, dbUri: null, dataDir: null }, context);
  done.catch(banner.reject);
  await banner.promise;
  const printed = (): string => output.join('');
  const url = `http://127.0.0.1:${port}`;
  const anonKey = find(printed(), /anon key +(\S+)/);
  return {
    url,
    anonKey,
    serviceKey: find(printed(), /service key +(\S+)/),
    databaseUri: find(printed(), /database +(postgresql:\S+)/),
    printed,
    client: (person) =>
      createClient(url, anonKey, {
        auth,
        ...(person === undefined ? {} : { accessToken: async () => tokenOf(person) }),
      }),
    stop: async () => {
      abort.abort();
      await done;
    },
  };
};
