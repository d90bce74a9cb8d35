/** `aura gen` as its users call it. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { genTargets } from '../../server/cli/gen-targets.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { makeFolder, writeFiles } from '../support/folder.ts';

const program = join(import.meta.dirname, '../../bin/aura.mjs');

const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(AURA|PGRST|PG)/.test(name)),
);

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const gen = (...args: readonly string[]): Promise<Outcome> =>
  new Promise((resolve) => {
    const options = { env: environment, cwd: folder, maxBuffer: 16 << 20 };
    execFile(process.execPath, [program, 'gen', ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });

const inspect = (...args: readonly string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    const options = { env: environment, maxBuffer: 16 << 20 };
    execFile(process.execPath, [program, 'inspect', ...args], options, (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
  });

let folder: string;
let database: TestDatabase;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aura-test-'));
  database = await createDatabase(`
    create schema archive;
    create table archive.letters (id int primary key);
    create table things (id int primary key, name text not null);
    comment on column things.name is 'Its name';`);
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

describe('from a database', () => {
  test('prints, with nothing else on standard output', async () => {
    const { code, stdout, stderr } = await gen('types', '--db-uri', database.uri);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(
      '      things: {\n        Row: {\n          id: number;\n          /** Its name */\n',
    );
    expect(stdout).not.toMatch(/letters|^ {2}archive: /m);
  });

  test('prints the schemas that are asked for', async () => {
    const exposed = ['--db-uri', database.uri, '--db-schemas', 'public,archive'];
    const both = await gen('types', ...exposed);
    expect(both.stdout).toMatch(/^ {2}public: \{$/m);
    expect(both.stdout).toMatch(/^ {2}archive: \{$/m);
    const one = await gen('types', ...exposed, '--schema', 'archive');
    expect(one.stdout).not.toMatch(/^ {2}public: \{$/m);
    const none = await gen('types', ...exposed, '--schema', 'hidden');
    expect([none.code, none.stdout]).toEqual([1, '']);
    expect(none.stderr).toContain(
      'The schema "hidden" is not one of those that are exposed: public, archive.',
    );
  });

  test('writes a file, and sees whether it is up to date', async () => {
    const out = join(folder, 'made/by/gen/database.ts');
    const args = ['types', '--db-uri', database.uri, '--out', out];
    const missing = await gen(...args, '--check');
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain(`There is no file ${out}.`);
    expect((await gen(...args)).stderr).toContain(`Wrote ${out}`);
    expect((await gen(...args)).stderr).toContain(`${out} is up to date`);
    expect(await gen(...args, '--check')).toEqual({ code: 0, stdout: '', stderr: '' });
    const text = await readFile(out, 'utf8');
    await writeFile(out, text.replace('name: string;', 'name: string | null;'));
    const { code, stderr } = await gen(...args, '--check');
    expect(code).toBe(1);
    expect(stderr).toContain(
      `${out} is not what the schema says.\n- name: string | null;\n+ name: string;\nRun the same command without --check`,
    );
    expect(await readFile(out, 'utf8')).toContain('string | null');
  });

  test('that is not there says so', async () => {
    const { code, stderr } = await gen('types', '--db-uri', 'postgresql://nobody@127.0.0.1:1/none');
    expect(code).toBe(1);
    expect(stderr).toContain('The database cannot be reached');
  });
});

describe('from a saved catalog', () => {
  test('gives the same as the database itself', async () => {
    await writeFile(join(folder, 'catalog.json'), await inspect('--db-uri', database.uri));
    for (const target of ['types', 'zod', 'erd', 'openapi', 'graphql']) {
      const saved = await gen(target, '--catalog', 'catalog.json');
      const live = await gen(target, '--db-uri', database.uri);
      expect(saved).toEqual(live);
    }
  });

  test.each([
    ['nothing', undefined, 'There is no file'],
    ['text', 'hello', 'The file holds no JSON object.'],
    ['another object', '{"roles": {}}', 'it has no "types". Write it anew with aura inspect.'],
  ])('%s is refused', async (_name, text, message) => {
    const file = join(folder, 'wrong.json');
    if (text !== undefined) await writeFile(file, text);
    const { code, stderr } = await gen('types', '--catalog', file);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  test('follows the file until it is told to stop', async () => {
    const file = join(folder, 'followed.json');
    const out = join(folder, 'followed.ts');
    const catalog = await inspect('--db-uri', database.uri);
    await writeFile(file, catalog);
    const args = [program, 'gen', 'types', '--catalog', file, '--out', out, '--watch'];
    const child = spawn(process.execPath, args, { env: environment, stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    await vi.waitFor(async () => expect(await readFile(out, 'utf8')).toContain('things'), 15_000);
    // it writes before it watches: the change is made until it is seen
    await vi.waitFor(
      async () => {
        await writeFile(file, catalog.replaceAll('Its name', 'The name of it'));
        expect(await readFile(out, 'utf8')).toContain('The name of it');
      },
      { timeout: 15_000, interval: 300 },
    );
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

describe('from migrations', () => {
  test('needs no server, and leaves the seed alone', async () => {
    const project = await makeFolder();
    await writeFiles(project, {
      'sql/0001_first.sql': 'create schema app; create table things (id int primary key);',
      'sql/0002_more.sql': 'alter table things add column name text;',
      'seed.sql': 'this is no SQL',
      'aura.toml': 'log-level = "crit"\n',
    });
    const { code, stdout, stderr } = await gen('types', '--project-dir', project);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('          id: number;\n          name: string | null;\n');
    await writeFiles(project, { 'sql/0003_wrong.sql': 'create table (;' });
    const failed = await gen('types', '--project-dir', project);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain('sql/0003_wrong.sql');
  });
});

test('OpenAPI describes one schema, as JSON or YAML', async () => {
  const exposed = ['--db-uri', database.uri, '--db-schemas', 'public,archive'];
  const json = JSON.parse((await gen('openapi', ...exposed)).stdout);
  expect(json.openapi).toMatch(/^3\.1\./);
  expect(Object.keys(json.paths)).toContain('/things');
  const yaml = await gen('openapi', ...exposed, '--schema', 'archive', '--format', 'yaml');
  expect(yaml.stdout).toMatch(/^ {2}\/letters:$/m);
  const both = await gen('openapi', ...exposed, '--schema', 'public,archive');
  expect(both.stderr).toContain('An OpenAPI document describes one exposed schema.');
});

test('GraphQL is one schema of all that is exposed, or of what is asked for', async () => {
  const exposed = ['--db-uri', database.uri, '--db-schemas', 'public,archive'];
  const both = buildSchema((await gen('graphql', ...exposed)).stdout);
  expect(both.getMutationType()?.getFields()['insertIntothingsCollection']).toBeDefined();
  expect([both.getType('letters') !== undefined, both.getType('thingsConflictField')]).toEqual([
    true,
    undefined,
  ]);
  const extended = buildSchema((await gen('graphql', ...exposed, '--format', 'extended')).stdout);
  expect(extended.getType('thingsConflictField')).toBeDefined();
  const one = buildSchema((await gen('graphql', ...exposed, '--schema', 'archive')).stdout);
  expect([one.getType('letters') !== undefined, one.getType('things')]).toEqual([true, undefined]);
  const none = await gen('graphql', ...exposed, '--schema', 'hidden');
  expect([none.code, none.stdout]).toEqual([1, '']);
  expect(none.stderr).toContain('The schema "hidden" is not one of those that are exposed');
});

test('the help names every target', async () => {
  const { stdout } = await gen('--help');
  for (const target of genTargets.keys()) expect(stdout).toContain(target);
});

describe('what cannot be done', () => {
  test.each<[readonly string[], string]>([
    [['cobol'], 'There is no target "cobol".\nThere are: types, zod, erd'],
    [['types', '--check'], '--check needs a file.'],
    [['types', '--watch'], '--watch needs a file.'],
    [['erd', '--format', 'png'], 'The target has no format "png".\nIt has: mermaid, svg.'],
    [['types', '--catalog', 'a', '--project-dir', 'b'], 'The schema can come from one place only.'],
  ])('%j', async (args, message) => {
    const { code, stderr } = await gen(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  test('a comment that cannot be read is named', async () => {
    const other = await createDatabase(`
      create table notes (id int primary key, data jsonb);
      comment on column notes.data is '@aura(type: "{ a: Date }")';`);
    const { code, stderr } = await gen('types', '--db-uri', other.uri);
    await other.close();
    expect(code).toBe(1);
    expect(stderr).toContain("The type of public.notes.data cannot be read: 'Date' is no type of JSON.");
  });
});
