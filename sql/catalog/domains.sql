-- Domains of every schema but PostgreSQL's own. `base` is one level down, and may be a domain again.
select
  n.nspname as schema,
  t.typname as name,
  d.description as comment,
  format_type(t.typbasetype, t.typtypmod) as base,
  t.typnotnull as not_null,
  pg_get_expr(t.typdefaultbin, 0) as "default",
  (
    select coalesce(
      json_agg(
        json_build_object(
          'name', k.conname, 'expression', pg_get_expr(k.conbin, 0), 'validated', k.convalidated
        )
        order by k.conname
      ),
      '[]'
    )
    from pg_constraint k
    where k.contypid = t.oid
      and k.contype = 'c'
  ) as checks
from pg_type t
join pg_namespace n on n.oid = t.typnamespace
left join pg_description d on d.objoid = t.oid and d.objsubid = 0 and d.classoid = 'pg_type'::regclass
where t.typtype = 'd'
  and n.nspname not in ('pg_catalog', 'information_schema')
order by n.nspname, t.typname
