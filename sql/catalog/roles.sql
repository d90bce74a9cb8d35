-- All roles, with the roles they are direct members of. Since PostgreSQL 16 each membership says for itself
-- whether its privileges are inherited; before that the member's own attribute says it for all.
-- The owner of the database is a member of pg_database_owner without being listed anywhere.
select
  r.rolname as name,
  r.rolsuper as superuser,
  r.rolbypassrls as bypass_rls,
  r.rolinherit as inherit,
  r.rolcanlogin as can_login,
  array(
    select g.rolname
    from pg_auth_members m
    join pg_roles g on g.oid = m.roleid
    where m.member = r.oid
    union
    select 'pg_database_owner' from pg_database b where b.datname = current_database() and b.datdba = r.oid
    order by 1
  ) as member_of,
  array(
    select g.rolname
    from pg_auth_members m
    join pg_roles g on g.oid = m.roleid
    where m.member = r.oid
      and coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, r.rolinherit)
    union
    select 'pg_database_owner' from pg_database b where b.datname = current_database() and b.datdba = r.oid
    order by 1
  ) as inherits_from
from pg_roles r
order by r.rolname
