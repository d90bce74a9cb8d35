-- Tables that bodies are imported into, and everything that may refuse a row.
create schema api;
grant usage on schema api to anon, authenticated, service_role;
alter default privileges in schema api grant all on tables to authenticated, service_role;
alter default privileges in schema api grant usage on sequences to authenticated, service_role;

create table api.teams (id int primary key, name text not null);
insert into api.teams select i, 'team ' || i from generate_series(0, 9) i;

create table api.people (
  id int primary key,
  team int not null default 1 references api.teams,
  name text not null check (name <> 'nobody'),
  nick text unique,
  born date,
  tags text[],
  doc jsonb,
  shout text generated always as (upper(name)) stored,
  added_by text not null default current_user
);
alter table api.people enable row level security;
create policy service on api.people for all to service_role using (true) with check (true);
create policy own_teams on api.people for all to authenticated using (true) with check (team < 5);

create table api.statements (what text, n bigint);
create function api.count_statement() returns trigger language plpgsql as $$
begin
  insert into api.statements select 'people', count(*) from added;
  return null;
end $$;
create trigger counted after insert on api.people referencing new table as added
  for each statement execute function api.count_statement();
create function api.refuse_name() returns trigger language plpgsql as $$
begin
  if new.name = 'mallory' then
    raise exception 'mallory may not come in' using errcode = 'P0001', hint = 'Ask for another name.';
  end if;
  new.name := trim(new.name);
  return new;
end $$;
create trigger guarded before insert on api.people for each row execute function api.refuse_name();

create table api.cells (id int, a text, b text, doc json, primary key (id));
create table api.wide (id bigint primary key, org int not null, name text not null, note text);
create table api.tree (id int primary key, parent int references api.tree deferrable initially immediate);
create table api.unique_later (id int unique deferrable initially deferred);
create table api.parts (id int, kind text, primary key (id, kind)) partition by list (kind);
create table api.parts_a partition of api.parts for values in ('a');

create table api.columns_only (id int primary key, open text, closed text);
revoke all on api.columns_only from authenticated;
grant insert (id, open) on api.columns_only to authenticated;
create table api.locked (id int primary key);
revoke all on api.locked from authenticated;
create table api.closed (id int primary key);
create function api.close() returns trigger language plpgsql as $$ begin raise exception 'closed'; end $$;
create trigger closed before insert on api.closed for each statement execute function api.close();

create table api.slow (id int primary key);
create function api.take_time() returns trigger language plpgsql as $$ begin perform pg_sleep(0.1); return new; end $$;
create trigger slow before insert on api.slow for each row execute function api.take_time();

create view api.names as select id, name from api.people;
create view api.any_team as select id, name from api.teams;
create function api.insert_team() returns trigger language plpgsql as $$
begin
  insert into api.teams values (new.id, 'via view: ' || new.name);
  return new;
end $$;
create trigger instead instead of insert on api.any_team for each row execute function api.insert_team();

create function api.hello() returns void language plpgsql as $$
begin
  perform set_config('response.headers', '[{"X-Role": "' || current_setting('role') || '"}]', true);
end $$;
create function api.sum_of(n int) returns int immutable language sql as 'select n';
