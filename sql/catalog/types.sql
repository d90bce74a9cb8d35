-- Domains and composite types of every schema but PostgreSQL's own; enums have a part of their own. Checks of a domain
-- are those that every value passes.
select
  format_type(t.oid, null) as name,
  n.nspname as schema,
  d.description as comment,
  case t.typtype when 'd' then format_type(t.typbasetype, t.typtypmod) end as base,
  t.typnotnull as not_null,
  array(
    select pg_get_expr(k.conbin, 0)
    from pg_constraint k
    where k.contypid = t.oid
      and k.contype = 'c'
      and k.convalidated
    order by k.conname
  ) as checks,
  array(
    select json_build_object(
      'name', a.attname,
      'type', format_type(a.atttypid, a.atttypmod),
      'comment', col_description(a.attrelid, a.attnum)
    )
    from pg_attribute a
    where a.attrelid = t.typrelid
      and a.attnum > 0
      and not a.attisdropped
    order by a.attnum
  ) as attributes
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
left join pg_class c on c.oid = t.typrelid
left join pg_description d on d.objoid = t.oid and d.classoid = 'pg_type'::regclass and d.objsubid = 0
where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
  and (t.typtype = 'd' or c.relkind = 'c')
order by n.nspname, t.typname
