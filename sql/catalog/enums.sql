-- Enum types of every schema, labels in order.
select
  t.oid as id,
  format_type(t.oid, null) as type,
  obj_description(t.oid, 'pg_type') as comment,
  n.nspname as schema,
  t.typname as name,
  coalesce(t.typacl, acldefault('T', t.typowner))::text[] as acl,
  array_agg(e.enumlabel order by e.enumsortorder) as labels
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
join pg_enum e on e.enumtypid = t.oid
group by t.oid, n.nspname, t.typname
order by n.nspname, t.typname
