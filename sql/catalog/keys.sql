-- Primary keys and unique constraints of every table: those of unexposed tables count too, since exposed views
-- may stand on them. Columns by position, in the order of the constraint.
select
  k.conrelid as relation,
  k.contype = 'p' as is_primary,
  k.conkey as columns
from pg_constraint k
where k.contype in ('p', 'u')
  and k.connamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
order by k.conrelid, k.conname
