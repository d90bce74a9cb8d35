-- Functions over one row of an exposed ($1) relation: they read as its computed columns, and those that return
-- rows of a relation as its computed relationships. They count in the exposed schemas and the extra search path ($2).
select
  n.nspname as schema,
  p.proname as name,
  d.description as comment,
  a.oid as source,
  r.oid as target,
  format_type(p.prorettype, null) as type,
  p.proretset as returns_set,
  p.prorows as rows,
  coalesce(p.proacl, acldefault('f', p.proowner))::text[] as acl
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_class a on a.reltype = p.proargtypes[0] and a.relkind in ('r', 'p', 'v', 'm', 'f')
join pg_namespace an on an.oid = a.relnamespace
left join pg_class r on r.reltype = p.prorettype and r.relkind in ('r', 'p', 'v', 'm', 'f') and r.reltype <> 0
left join pg_description d on d.objoid = p.oid and d.classoid = 'pg_proc'::regclass and d.objsubid = 0
where p.prokind = 'f'
  and p.pronargs = 1
  and n.nspname = any ($1::text[] || $2::text[])
  and an.nspname = any ($1::text[])
order by n.nspname, p.proname, a.oid
