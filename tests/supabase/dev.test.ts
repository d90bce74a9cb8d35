/** `aura dev` on a Supabase project folder: from the start to what follows a saved file. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { makeFolder, writeFiles } from '../support/folder.ts';
import { copyFixture, type Running, startDev } from './running.ts';

const start = async (): Promise<{ folder: string; running: Running }> => {
  const folder = await makeFolder();
  await copyFixture(folder);
  const running = await startDev(folder);
  onTestFinished(() => running.stop());
  return { folder, running };
};

test('a project is served as it is, follows what is saved, and says what it lacks', async () => {
  const { folder, running } = await start();
  const printed = running.printed();
  expect(printed).toContain('Aura 1.2.3 serves tool-library\n');
  expect(printed).toContain('Changes in supabase/migrations/ are applied as you save them.');
  expect(printed).toMatch(/database +postgresql:\/\/postgres:postgres@127\.0\.0\.1:\d+\/postgres\n/);
  expect(printed).toMatch(/publishable key +sb_publishable_\w+\n +secret key +sb_secret_[\w-]+\n/);
  expect(printed).toContain(
    'This PostgreSQL has no extension vector; what needs it was left out: supabase/migrations/20240301100000_recommendations.sql, lines 2, 5, 9, 10, 12 and 15.',
  );
  expect(await readFile(join(folder, 'supabase/.aura/.gitignore'), 'utf8')).toBe('*\n');

  // tools connect as they do to Supabase, and with the rights they have there
  const client = new pg.Client(running.databaseUri);
  await client.connect();
  onTestFinished(() => client.end());
  const { rows } = await client.query(
    "select current_setting('is_superuser') as superuser, current_setting('app.settings.jwt_exp') as exp, current_setting('search_path') as path",
  );
  expect(rows).toEqual([{ superuser: 'off', exp: '3600', path: '"$user", public, extensions' }]);

  // what config.toml says of the API
  const anyone = running.client();
  expect((await anyone.schema('reports').rpc('busiest_tool')).error).toBeNull();

  // a new migration
  await writeFiles(folder, {
    'supabase/migrations/20250101000000_news.sql': `
      create table news (id int primary key);
      insert into news values (1);
      alter role authenticator set pgrst.db_max_rows = '2'`,
  });
  await vi.waitFor(
    async () => expect((await anyone.from('news').select()).data).toEqual([{ id: 1 }]),
    10_000,
  );
  await vi.waitFor(
    async () => expect((await anyone.from('tools').select('id')).data).toHaveLength(2),
    10_000,
  );
  expect(running.printed().match(/has no extension vector/g)).toHaveLength(1);

  // a mistake, and its correction
  const place = 'supabase/migrations/20250102000000_more.sql';
  await writeFiles(folder, { [place]: 'create table more (id int);\ninsert into mroe values (1);' });
  await vi.waitFor(
    () => expect(running.printed()).toContain(`${place}, line 2: relation "mroe" does not exist`),
    10_000,
  );
  await writeFiles(folder, { [place]: 'create table more (id int);\ninsert into more values (1);' });
  await vi.waitFor(
    async () => expect((await anyone.from('more').select()).data).toEqual([{ id: 1 }]),
    10_000,
  );

  await writeFile(join(folder, 'supabase/config.toml'), 'project_id = "other"\n');
  await vi.waitFor(
    () => expect(running.printed()).toContain('config.toml changed: start again for it to count.'),
    10_000,
  );
});

test('an error in the folder ends the start with its place, and leaves no server behind', async () => {
  const folder = await makeFolder();
  await copyFixture(folder);
  await writeFiles(folder, { 'supabase/seeds/30_more.sql': 'insert into tools (nmae) values (1)' });
  await expect(startDev(folder)).rejects.toThrow(
    'supabase/seeds/30_more.sql, line 1: column "nmae" of relation "tools" does not exist',
  );
  await writeFiles(folder, { 'supabase/config.toml': '[api]\nport = "x"' });
  await expect(startDev(folder)).rejects.toThrow('supabase/config.toml, line 2: api.port: got "x"');
});
