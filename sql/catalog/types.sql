-- Types that users made, of every schema: enums, composites (row types of relations apart) and domains, by the name
-- that `format_type` prints.
select
  format_type(t.oid, null) as type,
  n.nspname as schema,
  t.typname as name,
  t.typtype as kind,
  format_type(nullif(t.typbasetype, 0), null) as base,
  d.description as comment,
  coalesce(t.typacl, acldefault('T', t.typowner))::text[] as acl
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
left join pg_class c on c.oid = t.typrelid
left join pg_description d on d.objoid = t.oid and d.objsubid = 0 and d.classoid = 'pg_type'::regclass
where t.typtype in ('e', 'c', 'd')
  and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
  and (t.typtype <> 'c' or c.relkind = 'c')
order by n.nspname, t.typname
