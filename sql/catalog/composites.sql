-- Composite types of every schema but PostgreSQL's own; rows of relations are not among them.
select
  n.nspname as schema,
  c.relname as name,
  d.description as comment,
  (
    select coalesce(
      json_agg(
        json_build_object(
          'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'comment', ad.description
        )
        order by a.attnum
      ),
      '[]'
    )
    from pg_attribute a
    left join pg_description ad
      on ad.objoid = a.attrelid and ad.objsubid = a.attnum and ad.classoid = 'pg_class'::regclass
    where a.attrelid = c.oid
      and a.attnum > 0
      and not a.attisdropped
  ) as attributes
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_description d on d.objoid = c.reltype and d.objsubid = 0 and d.classoid = 'pg_type'::regclass
where c.relkind = 'c'
  and n.nspname not in ('pg_catalog', 'information_schema')
order by n.nspname, c.relname
