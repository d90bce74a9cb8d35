-- Unique indexes over columns of every row, by relation and column position: those of constraints and others.
select
  i.indrelid as relation,
  i.indkey::int2[] as columns
from pg_index i
join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any ($1::text[])
  and i.indisunique
  and i.indisvalid
  and i.indpred is null
  and i.indexprs is null
  and not c.relispartition
order by i.indrelid, i.indexrelid
