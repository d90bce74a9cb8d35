import { createHmac } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openConnection } from '../../server/execute/connection.ts';
import { prepareRoles, withLogin } from '../../server/project/roles.ts';
import { loadSecrets, signKey } from '../../server/project/secrets.ts';
import { createDatabase } from '../support/database.ts';
import { makeFolder } from '../support/folder.ts';
import { AUTHENTICATOR_PASSWORD } from '../support/server.ts';

test('secrets are made once, readable by their owner only, and ignored by git', async () => {
  const folder = await makeFolder();
  const first = await loadSecrets(folder);
  expect(await loadSecrets(folder)).toEqual(first);
  expect((await stat(join(folder, '.aura/secrets.json'))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(folder, '.aura/.gitignore'), 'utf8')).toBe('*\n');
  expect((await loadSecrets(await makeFolder())).jwtSecret).not.toBe(first.jwtSecret);
});

test('a damaged secrets file is named, with what deleting it means', async () => {
  const folder = await makeFolder();
  await loadSecrets(folder);
  await writeFile(join(folder, '.aura/secrets.json'), '{"jwtSecret": "half');
  await expect(loadSecrets(folder)).rejects.toMatchObject({
    message: expect.stringContaining('secrets.json does not hold what Aura wrote there'),
    hint: expect.stringContaining('tokens signed with the old ones are then refused'),
  });
});

test('a key carries its role and is signed with the secret', () => {
  const secret = Buffer.from('0123456789abcdef0123456789abcdef');
  const key = signKey(secret, 'anon', 1_700_000_000);
  const [header = '', payload = '', signature] = key.split('.');
  expect(signature).toBe(createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url'));
  expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
    role: 'anon',
    iat: 1_700_000_000,
  });
  expect(signKey(secret, 'anon', 1_700_000_000)).toBe(key);
});

test('roles are made where missing, and authenticator logs in and may become each of them', async () => {
  const database = await createDatabase();
  const connection = await openConnection(database.uri);
  const login = await prepareRoles(connection, database.uri, AUTHENTICATOR_PASSWORD, false);
  const api = await openConnection(login);
  onTestFinished(async () => {
    await Promise.all([connection.close(), api.close()]);
    await database.close();
  });
  expect(await api.query('select session_user::text as login')).toEqual([{ login: 'authenticator' }]);
  for (const role of ['anon', 'authenticated', 'service_role']) await api.query(`set role ${role}`);
  const [attributes] = await connection.query(`
    select
      bool_or(rolbypassrls) filter (where rolname = 'service_role') as service,
      bool_or(rolbypassrls or rolsuper or rolinherit) filter (where rolname <> 'service_role') as others
    from pg_roles where rolname in ('anon', 'authenticated', 'service_role', 'authenticator')`);
  expect(attributes).toEqual({ service: true, others: false });
});

test("on a server of others, authenticator's password is never changed: the start is refused", async ({
  skip,
}) => {
  const database = await createDatabase();
  const trusted = await openConnection(withLogin(database.uri, 'authenticator', 'not the password')).catch(
    () => null,
  );
  if (trusted !== null) {
    await trusted.close();
    await database.close();
    return skip('the server named by TEST_DB_URI lets everybody in without a password');
  }
  const connection = await openConnection(database.uri);
  onTestFinished(async () => {
    await connection.close();
    await database.close();
  });
  await expect(prepareRoles(connection, database.uri, 'not the password', false)).rejects.toMatchObject({
    message: expect.stringContaining('already has a role authenticator'),
  });
  await (await openConnection(database.authenticatorUri)).close();
});

test.each([
  [
    'postgresql://me:pw@host:5433/db?sslmode=require',
    'postgresql://host:5433/db?sslmode=require&user=you&password=a%2Fb',
  ],
  [
    'postgresql:///db?host=/run/postgresql',
    'postgresql:///db?host=%2Frun%2Fpostgresql&user=you&password=a%2Fb',
  ],
])('another login for %s keeps the place', (uri, expected) => {
  expect(withLogin(uri, 'you', 'a/b')).toBe(expected);
});
