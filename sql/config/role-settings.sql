-- Settings that `alter role ... set` gave to the roles that requests may run as: those that the role which is
-- logged in is a direct member of. Only what it may set itself; the rest would fail in every request.
--   role text, name text, value text
select member_of.rolname as role,
       split_part(entry, '=', 1) as name,
       substr(entry, strpos(entry, '=') + 1) as value
  from pg_catalog.pg_auth_members as membership
       join pg_catalog.pg_roles as member_of on member_of.oid = membership.roleid
       cross join lateral unnest(member_of.rolconfig) as entry
       join pg_catalog.pg_settings as setting on setting.name = split_part(entry, '=', 1)
 where membership.member = (select oid from pg_catalog.pg_roles where rolname = session_user)
   and (setting.context = 'user' or has_parameter_privilege(session_user, setting.name, 'set'))
 order by member_of.rolname, setting.name;
