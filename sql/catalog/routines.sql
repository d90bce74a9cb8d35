-- Functions of the exposed schemas ($1) but triggers. Parameters come as PostgreSQL keeps them: `types` of all
-- parameters, `names` and `modes` likewise or null, `defaults` = how many of the last inputs have one.
-- The result looks through domains; of a row type it is the relation's name. `settings` are those named in $3.
with recursive
domain_step (id, base) as (
  select oid, typbasetype from pg_type where typtype = 'd'
  union all
  select s.id, t.typbasetype from domain_step s join pg_type t on t.oid = s.base and t.typtype = 'd'
),
domain as (
  select s.id, s.base
  from domain_step s
  join pg_type t on t.oid = s.base and t.typtype <> 'd'
)
select
  n.nspname as schema,
  p.proname as name,
  d.description as comment,
  p.proargnames as names,
  coalesce(p.proallargtypes, p.proargtypes::oid[])::regtype[] as types,
  p.proargmodes as modes,
  p.pronargdefaults as defaults,
  case
    when p.pronargdefaults > 0 then array(
      select pg_get_function_arg_default(p.oid, i::int)
      from generate_series(1, cardinality(coalesce(p.proallargtypes, p.proargtypes::oid[]))) i
    )
  end as default_texts,
  p.proretset as returns_set,
  p.prorows as rows,
  rn.nspname as result_schema,
  r.typname as result_name,
  r.typtype = 'c' as result_is_row,
  format_type(p.prorettype, null) as result_type,
  domain.id is not null as result_is_domain,
  p.provolatile as volatility,
  p.provariadic <> 0 as variadic,
  p.prosecdef as security_definer,
  (
    select split_part(s, '=', 2)
    from unnest(p.proconfig) s
    where split_part(s, '=', 1) = 'default_transaction_isolation'
  ) as isolation,
  array(
    select s
    from unnest(p.proconfig) s
    where lower(split_part(s, '=', 1)) = any (select lower(h) from unnest($3::text[]) h)
  ) as settings,
  coalesce(p.proacl, acldefault('f', p.proowner))::text[] as acl
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
left join domain on domain.id = p.prorettype
join pg_type r on r.oid = coalesce(domain.base, p.prorettype)
join pg_namespace rn on rn.oid = r.typnamespace
left join pg_description d on d.objoid = p.oid and d.classoid = 'pg_proc'::regclass and d.objsubid = 0
where n.nspname = any ($1::text[])
  and p.prokind = 'f'
  and r.oid <> 'trigger'::regtype
order by n.nspname, p.proname, p.oid
