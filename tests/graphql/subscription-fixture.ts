/** Rooms with notes of several people, captured, and a server over them. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { type Api, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const sqlFile = (name: string): string => readFileSync(new URL(`../../sql/${name}`, import.meta.url), 'utf8');

export const FIXTURE = `
  ${sqlFile('realtime/capture.sql')};
  ${sqlFile('realtime/grants.sql')};
  create schema aura;
  ${sqlFile('project/ddl-notice.sql')};
  create function who() returns text stable language sql as $$
    select nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub'
  $$;
  create table room (id int primary key, name text not null);
  create table member (room_id int references room, person text, primary key (room_id, person));
  create table note (
    id bigint primary key, room_id int references room, owner text not null, title text, rank int, data json
  );
  create table open (id int primary key, title text);
  create table unseen (id int primary key);
  create view shown with (security_invoker) as select * from open;
  comment on view shown is '@graphql({"primary_key_columns": ["id"]})';
  comment on table note is '@graphql({"totalCount": {"enabled": true}, "aggregate": {"enabled": true}})';
  create function shout(open) returns text stable language sql as $$ select upper($1.title) $$;
  alter table room enable row level security;
  create policy all_rooms on room for select using (exists (select from member m where m.room_id = id and m.person = who()));
  alter table member enable row level security;
  create policy mine on member for select using (person = who());
  alter table note enable row level security;
  create policy own on note for all using (owner = who());
  alter table open enable row level security;
  create policy everyone on open for all using (true);
  grant usage on schema public to anon, authenticated;
  grant all on all tables in schema public to anon, authenticated;
  alter publication aura add table room, member, note, open;
`;

export const SETTINGS = { 'graphql-extensions': true, 'rest-prefix': '/' } as const;

export interface Rooms {
  readonly api: Api;
  readonly database: TestDatabase;
  readonly run: (text: string) => Promise<unknown>;
}

/** Starts the rooms before the file's tests; each test begins with empty tables. */
export function useRooms(settings: Readonly<Record<string, unknown>> = {}): Rooms {
  let database: TestDatabase | undefined;
  let api: Api | undefined;
  const running = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('the rooms are open only inside of tests');
    return value;
  };
  beforeAll(async () => {
    database = await createDatabase(FIXTURE);
    api = await startApi(database, { ...SETTINGS, ...settings });
  });
  afterAll(async () => {
    await api?.close();
    await database?.close();
  });
  beforeEach(async () => {
    await running(database).query('truncate room, member, note, open');
  });
  return {
    get api() {
      return running(api);
    },
    get database() {
      return running(database);
    },
    run: (text) => running(database).query(text),
  };
}
