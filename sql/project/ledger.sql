-- What of a project folder has run on this database: migrations, policies and the seed, by their path in the
-- folder. In a schema of its own that no role of the API is granted anything on.
create schema if not exists aura;

create table if not exists aura.migrations (
  name        text primary key,
  checksum    text not null,
  applied_at  timestamptz not null default clock_timestamp()
);

comment on table aura.migrations is 'Files of the project folder that ran here, with the SHA-256 of their text.';
