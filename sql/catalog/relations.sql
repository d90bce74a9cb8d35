-- Relations of the exposed schemas ($1). Partitions are served through their parent, so they do not count.
-- `writes` is the bit mask of pg_relation_is_updatable, triggers included: 4 update, 8 insert, 16 delete.
select
  c.oid as id,
  n.nspname as schema,
  c.relname as name,
  c.relkind as kind,
  d.description as comment,
  pg_get_userbyid(c.relowner) as owner,
  c.relrowsecurity as row_security,
  c.relforcerowsecurity as row_security_forced,
  exists (
    select from pg_options_to_table(c.reloptions) o
    where o.option_name = 'security_invoker' and o.option_value::boolean
  ) as security_invoker,
  case
    when c.relkind in ('r', 'p') then 4 | 8 | 16
    when c.relkind = 'v' then pg_relation_is_updatable(c.oid, true)
    -- Asking for a foreign table whose wrapper has no handler is an error.
    when c.relkind = 'f' and w.fdwhandler <> 0 then pg_relation_is_updatable(c.oid, true)
    else 0
  end as writes,
  -- BEFORE (2) or INSTEAD OF (64), INSERT (4), FOR EACH ROW (1)
  exists (
    select from pg_trigger g
    where g.tgrelid = c.oid
      and not g.tgisinternal
      and g.tgenabled <> 'D'
      and g.tgtype & 5 = 5
      and g.tgtype & 66 <> 0
  ) as fills_rows,
  coalesce(c.relacl, acldefault('r', c.relowner))::text[] as acl
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_description d
  on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_class'::regclass
left join pg_foreign_table ft on ft.ftrelid = c.oid
left join pg_foreign_server s on s.oid = ft.ftserver
left join pg_foreign_data_wrapper w on w.oid = s.srvfdw
where n.nspname = any ($1::text[])
  and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and not c.relispartition
order by n.nspname, c.relname
