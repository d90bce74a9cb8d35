-- Foreign keys of every table, by relation and column position; what a partition inherits from its parent and
-- what PostgreSQL adds for the partitions of the referenced table is left out.
select
  k.conname as name,
  k.conrelid as source,
  k.confrelid as target,
  k.conkey as source_columns,
  k.confkey as target_columns
from pg_constraint k
where k.contype = 'f'
  and k.conparentid = 0
order by k.conrelid, k.conname
