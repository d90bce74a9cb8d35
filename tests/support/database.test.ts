import pg from 'pg';
import { expect, test } from 'vitest';
import { createDatabase } from './database.ts';

test('each test database is a copy of its setup and no one else sees its changes', async () => {
  const setup = 'create table pair (id int primary key); insert into pair values (1), (2)';
  const [first, second] = await Promise.all([createDatabase(setup), createDatabase(setup)]);
  await first.query('delete from pair where id = $1', [1]);
  expect((await first.query('select id from pair')).rows).toEqual([{ id: 2 }]);
  expect((await second.query('select count(*)::int as n from pair')).rows).toEqual([{ n: 2 }]);
  await Promise.all([first.close(), second.close()]);
});

test('authenticator logs in with nothing of its own and may become each of the three roles', async () => {
  const database = await createDatabase('create table secret (id int)');
  const client = new pg.Client(database.authenticatorUri);
  await client.connect();
  await expect(client.query('select * from secret')).rejects.toThrow('permission denied');
  for (const role of ['anon', 'authenticated', 'service_role']) {
    await client.query(`set role ${role}`);
    expect((await client.query('select current_user')).rows).toEqual([{ current_user: role }]);
  }
  await client.end();
  await database.close();
});

test('several statements give the rows of the last one', async () => {
  const database = await createDatabase();
  expect((await database.query('select 1 as a; select 2 as b')).rows).toEqual([{ b: 2 }]);
  await database.close();
});
