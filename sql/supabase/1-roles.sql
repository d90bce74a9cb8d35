-- The roles that the SQL of a Supabase project presumes. Roles belong to the whole server: each is made, with its
-- settings, only where it is missing, and what somebody else has made stays as it is. Passwords are not set here.
--
--   anon, authenticated, service_role   whom requests run as; the last one is not bound by policies
--   authenticator                       logs in for the API and may become those three
--   postgres                            runs migrations and owns what they make; no superuser, but not bound by
--                                       policies and master of the roles above
--   supabase_admin                      the superuser, where Aura runs the server itself
--   supabase_auth_admin, ...            own the tables of one service each
--
-- The names and attributes are those of Supabase's image. Where it sets session_preload_libraries (safeupdate) there
-- is nothing here: the library belongs to that image.

do $$
declare
  wanted record;
  made text[] := '{}';
  setting text;
begin
  for wanted in
    select *
    from (values
      ('supabase_admin', 'nologin createdb createrole replication bypassrls', null),
      ('postgres', 'login createdb createrole replication bypassrls', array['search_path = "$user", public, extensions']),
      ('anon', 'nologin', array['statement_timeout = ''3s''']),
      ('authenticated', 'nologin', array['statement_timeout = ''8s''']),
      ('service_role', 'nologin bypassrls', null),
      ('authenticator', 'login noinherit', array['statement_timeout = ''8s''', 'lock_timeout = ''8s''', 'jit = off']),
      ('supabase_auth_admin', 'nologin noinherit createrole', array['search_path = auth', 'idle_in_transaction_session_timeout = ''60s''']),
      ('supabase_storage_admin', 'nologin noinherit createrole', array['search_path = storage']),
      ('supabase_realtime_admin', 'nologin noinherit', null),
      ('supabase_functions_admin', 'nologin noinherit createrole', null),
      ('supabase_replication_admin', 'nologin replication', null),
      ('supabase_read_only_user', 'nologin bypassrls', null),
      ('supabase_etl_admin', 'nologin replication', null),
      ('dashboard_user', 'nologin createdb createrole replication', null),
      ('pgbouncer', 'nologin', null)
    ) as role (name, attributes, settings)
    where not exists (select from pg_roles where rolname = role.name)
  loop
    execute format('create role %I %s', wanted.name, wanted.attributes);
    foreach setting in array coalesce(wanted.settings, '{}') loop
      execute format('alter role %I set %s', wanted.name, setting);
    end loop;
    made := made || wanted.name;
  end loop;

  for wanted in
    select *
    from (values
      ('anon', 'authenticator', ''),
      ('authenticated', 'authenticator', ''),
      ('service_role', 'authenticator', ''),
      ('anon', 'postgres', 'with admin option'),
      ('authenticated', 'postgres', 'with admin option'),
      ('service_role', 'postgres', 'with admin option'),
      ('authenticator', 'postgres', 'with admin option'),
      ('supabase_auth_admin', 'postgres', ''),
      ('supabase_storage_admin', 'postgres', ''),
      ('supabase_realtime_admin', 'postgres', ''),
      ('supabase_functions_admin', 'postgres', ''),
      ('pg_monitor', 'postgres', ''),
      ('pg_read_all_data', 'postgres', ''),
      ('pg_signal_backend', 'postgres', ''),
      ('authenticator', 'supabase_storage_admin', ''),
      ('pg_read_all_data', 'supabase_read_only_user', ''),
      ('pg_read_all_data', 'supabase_etl_admin', '')
    ) as membership (granted, member, options)
    where not exists (
      select from pg_auth_members as present
      where present.roleid = membership.granted::regrole
        and present.member = membership.member::regrole
        and (present.admin_option or membership.options = '')
    )
    -- a superuser needs none
    and not (select rolsuper from pg_roles where rolname = membership.member)
  loop
    execute format('grant %I to %I %s', wanted.granted, wanted.member, wanted.options);
  end loop;
end
$$;
