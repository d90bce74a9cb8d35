-- Many rows, some of them only for some; things that fail or take their time in the middle.
create schema api;
grant usage on schema api to anon, authenticated, service_role;
alter default privileges in schema api grant all on tables to anon, authenticated, service_role;

create table api.sensors (id int primary key, name text not null);
insert into api.sensors select i, 'sensor ' || i from generate_series(0, 9) i;
alter table api.sensors enable row level security;
create policy all_sensors on api.sensors for select using (true);

create table api.readings (
  id int primary key,
  sensor int not null references api.sensors,
  secret boolean not null,
  note text not null
);
insert into api.readings
  select i, i % 10, i % 3 = 0, 'a note of some length, so that the rows weigh something: ' || md5(i::text)
  from generate_series(1, 300000) i;
alter table api.readings enable row level security;
create policy open on api.readings for select to anon using (not secret);
create policy everything on api.readings for select to authenticated using (true);
analyze api.readings;

create table api.texts (id int primary key, a text, b text, doc json);
insert into api.texts values
  (1, 'plain', '', '{"a": 1}'),
  (2, null, 'with "quotes", commas', E'{\n  "a": [1,\r\n 2]\n}'),
  (3, E'two\nlines', 'back\slash \\ and (parentheses)', '"a\nb"'),
  (4, 'Grüße 🌍', ' ', null);

create view api.broken as select i, 1000 / (700 - i) as x from generate_series(1, 2000) i;
create view api.broken_at_once as select 1 / (i - 1) as x from generate_series(1, 10) i;
create view api.sleepy as select i, pg_sleep(0.05) is null as slept from generate_series(1, 100000) i;

create function api.readings_of(sensor int) returns setof api.readings stable language sql as
  'select * from api.readings r where r.sensor = readings_of.sensor';
create function api.squares(upto int) returns setof int immutable language sql as
  'select case when i <> 2 then i * i end from generate_series(1, upto) i';
create function api.answer() returns int immutable language sql as 'select 42';
create function api.labelled() returns table (n int) stable language plpgsql as $$
begin
  perform set_config('response.headers', '[{"X-Label": "seven"}]', true), set_config('response.status', '299', true);
  return query select i from generate_series(1, 7) i;
end $$;
create table api.log (id int generated always as identity primary key, what text);
create function api.note(what text) returns setof api.log volatile language sql as
  'insert into api.log (what) values (what) returning *';

create function api.become() returns void language plpgsql as $$
begin
  if current_setting('role') = 'anon' then
    perform set_config('role', 'authenticated', true);
  end if;
end $$;
create function api.greet() returns void language plpgsql as $$
begin
  perform set_config('response.headers', '[{"X-Role": "' || current_setting('role') || '"}]', true);
end $$;
