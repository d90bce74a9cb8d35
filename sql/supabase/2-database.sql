-- The database as a migration of a Supabase project finds it: who may do what in `public`, and where extensions go.
-- May be run again and again, by a superuser. The extensions themselves are the runner's: a server may lack them.

do $$
begin
  execute format('grant all on database %I to postgres, dashboard_user', current_database());
end
$$;

-- dumps say `alter schema public owner to pg_database_owner` and comment on it: that takes an owner
grant all on schema public to postgres;
grant usage on schema public to anon, authenticated, service_role;

create schema if not exists extensions authorization supabase_admin;
grant usage on schema extensions to anon, authenticated, service_role;
grant all on schema extensions to postgres, dashboard_user;
alter default privileges for role supabase_admin in schema extensions
  grant all on tables to postgres with grant option;
alter default privileges for role supabase_admin in schema extensions
  grant all on sequences to postgres with grant option;
alter default privileges for role supabase_admin in schema extensions
  grant all on routines to postgres with grant option;

-- Whatever is made in `public` may be used by the roles of the API: policies alone decide. `postgres` is the one who
-- makes things; its own grants to them are the runner's, since config.toml may take them away.
alter default privileges for role supabase_admin in schema public
  grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema public
  grant all on sequences to postgres, anon, authenticated, service_role;
alter default privileges for role supabase_admin in schema public
  grant all on routines to postgres, anon, authenticated, service_role;

-- Seeds and dumps turn triggers off this way.
grant set on parameter session_replication_role to postgres;

-- The schema that REST exposes for GraphQL in Supabase. Aura answers GraphQL at its own address: it stays empty.
create schema if not exists graphql_public authorization supabase_admin;
grant usage on schema graphql_public to postgres, anon, authenticated, service_role;
comment on schema graphql_public is 'Exposed by the default config.toml; empty, since GraphQL has its own endpoint.';
