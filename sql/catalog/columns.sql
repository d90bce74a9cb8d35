-- Columns of the exposed schemas ($1), in table order. `type` is without length and looks through a domain
-- whose base type is built in; `declared_type` is what the column was declared with.
with recursive
domain_step (id, base) as (
  select oid, typbasetype from pg_type where typtype = 'd'
  union all
  select s.id, t.typbasetype from domain_step s join pg_type t on t.oid = s.base and t.typtype = 'd'
),
domain as (
  select s.id, t.oid as base, t.typtype, t.typnamespace
  from domain_step s
  join pg_type t on t.oid = s.base and t.typtype <> 'd'
)
select
  a.attrelid as relation,
  a.attname as name,
  a.attnum as position,
  d.description as comment,
  not (a.attnotnull or t.typtype = 'd' and t.typnotnull) as nullable,
  -- from PostgreSQL 18 on NOT NULL may be there without having been checked
  (a.attnotnull or t.typtype = 'd' and t.typnotnull)
    and (a.attrelid, a.attnum) not in (
      select k.conrelid, k.conkey[1] from pg_constraint k where k.contype = 'n' and k.conrelid <> 0 and not k.convalidated
    ) as never_null,
  case
    when coalesce(domain.typnamespace, t.typnamespace) = 'pg_catalog'::regnamespace
      then format_type(coalesce(domain.base, t.oid), null)
    else format_type(a.atttypid, a.atttypmod)
  end as type,
  format_type(a.atttypid, a.atttypmod) as declared_type,
  -- A domain over a character type has its length in the domain, one level down and no further.
  case
    when coalesce(nullif(t.typbasetype, 0), t.oid) in ('bpchar'::regtype, 'varchar'::regtype)
      then nullif(case when t.typtype = 'd' then t.typtypmod else a.atttypmod end, -1) - 4
    when coalesce(nullif(t.typbasetype, 0), t.oid) in ('bit'::regtype, 'varbit'::regtype)
      then nullif(case when t.typtype = 'd' then t.typtypmod else a.atttypmod end, -1)
  end as max_length,
  case
    when a.attgenerated <> '' then null
    when a.attidentity = 'd' then (
      select format('nextval(%L)', s.objid::regclass)
      from pg_depend s
      where s.refclassid = 'pg_class'::regclass
        and s.refobjid = a.attrelid
        and s.refobjsubid = a.attnum
        and s.classid = 'pg_class'::regclass
        and s.deptype = 'i'
    )
    when ad.adbin is not null then pg_get_expr(ad.adbin, ad.adrelid)
    when t.typtype = 'd' then pg_get_expr(t.typdefaultbin, 0)
  end as "default",
  nullif(a.attgenerated, '') as generated,
  nullif(a.attidentity, '') as identity,
  case when coalesce(domain.typtype, t.typtype) = 'e' then coalesce(domain.base, t.oid) end as enum,
  a.attacl::text[] as acl
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid
join pg_type t on t.oid = a.atttypid
left join domain on domain.id = t.oid
left join pg_attrdef ad on ad.adrelid = a.attrelid and ad.adnum = a.attnum
left join pg_description d
  on d.objoid = a.attrelid and d.objsubid = a.attnum and d.classoid = 'pg_class'::regclass
where n.nspname = any ($1::text[])
  and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and not c.relispartition
  and a.attnum > 0
  and not a.attisdropped
order by a.attrelid, a.attnum
