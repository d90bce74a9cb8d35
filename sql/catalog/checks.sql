-- Check constraints of the exposed schemas' ($1) relations that speak of one column alone, and that every row holds.
select
  k.conrelid as relation,
  k.conkey[1] as position,
  pg_get_expr(k.conbin, k.conrelid) as expression
from pg_constraint k
join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any ($1::text[])
  and not c.relispartition
  and k.contype = 'c'
  and k.convalidated
  -- there are others since PostgreSQL 18
  and coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
  and cardinality(k.conkey) = 1
order by k.conrelid, k.conname
