-- What of a Supabase project folder has run here. The first schema is that of Supabase's command line, which can read
-- and go on with what it finds; the table in `aura` is for what it has no place for.
create schema if not exists supabase_migrations;

create table if not exists supabase_migrations.schema_migrations (
  version text primary key
);
alter table supabase_migrations.schema_migrations add column if not exists statements text[];
alter table supabase_migrations.schema_migrations add column if not exists name text;

create table if not exists supabase_migrations.seed_files (
  path text primary key,
  hash text not null
);

create table if not exists aura.left_out (
  id         int primary key generated always as identity,
  script     text not null,
  line       int not null,
  extension  text not null,
  statement  text not null,
  makes      text[] not null,
  at         timestamptz not null default clock_timestamp()
);

comment on table aura.left_out is
  'Statements of migrations and seeds that did not run because this server lacks an extension, and what they would have made.';
