-- Row-Level Security policies of the exposed schemas' ($1) tables.
select
  p.polrelid as relation,
  p.polname as name,
  p.polcmd as command,
  p.polpermissive as permissive,
  array(
    select coalesce(r.rolname, 'PUBLIC')
    from unnest(p.polroles) m (id)
    left join pg_roles r on r.oid = m.id
    order by 1
  ) as roles,
  pg_get_expr(p.polqual, p.polrelid) as "using",
  pg_get_expr(p.polwithcheck, p.polrelid) as "check"
from pg_policy p
join pg_class c on c.oid = p.polrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any ($1::text[])
order by p.polrelid, p.polname
