-- The roles of a project. Roles belong to the whole server, so each is made only where it is missing; run this as
-- often as you like, with psql too. No password is set here: that of `authenticator` is the operator's business.
--
--   authenticator   logs in for Aura, owns nothing, may become the three below and nothing by itself
--   anon            whoever brings no token
--   authenticated   whoever is signed in
--   service_role    trusted back ends: not bound by Row-Level Security

do $$
begin
  if not exists (select from pg_roles where rolname = 'anon') then
    create role anon nologin noinherit;
  end if;
  if not exists (select from pg_roles where rolname = 'authenticated') then
    create role authenticated nologin noinherit;
  end if;
  if not exists (select from pg_roles where rolname = 'service_role') then
    create role service_role nologin noinherit bypassrls;
  end if;
  if not exists (select from pg_roles where rolname = 'authenticator') then
    create role authenticator login noinherit;
    -- to compile statements takes far longer than to run those of an API
    alter role authenticator set jit = off;
  end if;
  -- granting again would only raise notices
  if not pg_has_role('authenticator', 'anon', 'member') then
    grant anon to authenticator;
  end if;
  if not pg_has_role('authenticator', 'authenticated', 'member') then
    grant authenticated to authenticator;
  end if;
  if not pg_has_role('authenticator', 'service_role', 'member') then
    grant service_role to authenticator;
  end if;
end
$$;
