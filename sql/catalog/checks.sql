-- Check constraints of the exposed schemas' ($1) relations. A partition's are its own business.
select
  k.conrelid as relation,
  k.conname as name,
  coalesce(k.conkey, '{}') as columns,
  pg_get_expr(k.conbin, k.conrelid) as expression,
  k.convalidated as validated
from pg_constraint k
join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
where k.contype = 'c'
  and n.nspname = any ($1::text[])
  and not c.relispartition
order by k.conrelid, k.conname
