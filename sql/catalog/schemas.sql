-- The exposed schemas ($1) and those of the extra search path ($2), as far as they exist.
select
  n.nspname as name,
  d.description as comment,
  coalesce(n.nspacl, acldefault('n', n.nspowner))::text[] as acl
from pg_namespace n
left join pg_description d on d.objoid = n.oid and d.classoid = 'pg_namespace'::regclass
where n.nspname = any ($1::text[] || $2::text[])
order by n.nspname
