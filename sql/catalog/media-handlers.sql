-- What the exposed schemas ($1) make of rows or answer by themselves in a media type: the type of the result is a
-- domain named like one. Aggregates take the rows of a relation, or anything; functions have no handler but the domain.
with
media_type as (
  select t.oid, n.nspname as schema, t.typname as name
  from pg_type t
  join pg_namespace n on n.oid = t.typnamespace
  where t.typtype = 'd'
    and (t.typname = '*/*' or t.typname ~ '^[A-Za-z0-9.-]+/[A-Za-z0-9.+-]+$')
)
select
  case p.prokind when 'a' then n.nspname else m.schema end as handler_schema,
  case p.prokind when 'a' then p.proname else m.name end as handler_name,
  case p.prokind when 'a' then an.nspname else n.nspname end as target_schema,
  case p.prokind when 'a' then a.typname else p.proname end as target_name,
  m.name as media_type
from media_type m
join pg_proc p on p.prorettype = m.oid
join pg_namespace n on n.oid = p.pronamespace
left join pg_type a on a.oid = p.proargtypes[0]
left join pg_namespace an on an.oid = a.typnamespace
left join pg_class r on r.oid = a.typrelid and r.relkind in ('r', 'p', 'v', 'm', 'f')
where n.nspname = any ($1::text[])
  and case p.prokind
    when 'a' then p.pronargs = 1 and (r.oid is not null or a.oid = 'anyelement'::regtype)
    when 'f' then not p.proretset
    else false
  end
order by 1, 2, 3, 4
