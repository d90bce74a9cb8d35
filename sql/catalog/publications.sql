-- Publications with the tables of the exposed schemas ($1) that they name, by themselves, by their schema or by
-- being for all tables; a partitioned table is a member as such, whatever its partitions are.
select
  p.pubname as name,
  array(
    select c.oid
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = any ($1::text[])
      and c.relkind in ('r', 'p')
      and c.relpersistence = 'p'
      and not c.relispartition
      and (
        p.puballtables
        or c.oid in (select m.prrelid from pg_publication_rel m where m.prpubid = p.oid)
        or n.oid in (select m.pnnspid from pg_publication_namespace m where m.pnpubid = p.oid)
      )
    order by n.nspname, c.relname
  ) as tables
from pg_publication p
order by p.pubname
