-- Foreign keys of every table, by relation and column position; what a partition inherits from its parent and
-- what PostgreSQL adds for the partitions of the referenced table is left out.
select
  k.conname as name,
  k.conrelid as source,
  k.confrelid as target,
  k.conkey as source_columns,
  k.confkey as target_columns,
  d.description as comment
from pg_constraint k
left join pg_description d
  on d.objoid = k.oid and d.objsubid = 0 and d.classoid = 'pg_constraint'::regclass
where k.contype = 'f'
  and k.conparentid = 0
order by k.conrelid, k.conname
