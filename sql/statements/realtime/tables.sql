-- What those have to know who follow changes, as one JSON document: whether the log can be read, which tables are
-- captured and by what their rows are told apart, and on what their policies depend. Run with the search path
-- `pg_catalog`, so that types print with their schemas.
--
-- What a policy calls is read from its expression as PostgreSQL keeps it, by the names of nodes and the fields that
-- have held functions, operators and relations in all versions since 15 (src/include/nodes/primnodes.h, parsenodes.h).
-- Names in it cannot be taken for fields, since blanks and braces in them are escaped.
with recursive
capture as (
  select tgrelid as oid
  from pg_trigger
  where tgfoid = to_regprocedure('realtime.capture()') and tgenabled = 'A'
  group by tgrelid
  having count(*) = 4
),
-- types whose values look the same to everyone: built-in ones and enums, arrays and domains of them
plain_type as (
  select oid
  from pg_type
  where typtype = 'e' or (typnamespace = 'pg_catalog'::regnamespace and typtype in ('b', 'r', 'm'))
  union
  select type.oid
  from pg_type type
  join plain_type inner_type
    on inner_type.oid = case when type.typtype = 'd' then type.typbasetype when type.typcategory = 'A' then type.typelem end
),
key as (
  select root.oid as root, coalesce((
    select json_agg(
      json_build_object('name', attname, 'type', format_type(atttypid, atttypmod)) order by position
    )
    from (
      select indrelid, indkey::int2[] as columns, indnkeyatts
      from pg_index
      where indrelid = root.oid and (indisprimary or indisreplident) and indisvalid
      order by indisprimary desc
      limit 1
    ) chosen
    cross join unnest(columns) with ordinality as part (attnum, position)
    join pg_attribute on attrelid = indrelid and pg_attribute.attnum = part.attnum
    where position <= indnkeyatts
  ), '[]') as columns
  from (select distinct coalesce(pg_partition_root(oid), oid) as oid from capture) root
),
policy as (
  select
    pg_policy.oid, polrelid, polname, polcmd, polpermissive, polroles, polqual,
    array(select distinct part[1] from regexp_matches(polqual::text, '\{([A-Z_]+)', 'g') part) as nodes,
    array(
      select part[1]::oid from regexp_matches(polqual::text, ':funcid (\d+)', 'g') part
      union
      select oprcode::oid
      from regexp_matches(polqual::text, ':opno (\d+)', 'g') part
      join pg_operator on pg_operator.oid = part[1]::oid
    ) as functions,
    array(
      select distinct part[1]::oid from regexp_matches(polqual::text, ':relid (\d+)', 'g') part where part[1] <> '0'
    ) as relations,
    -- of these times and dates, not those that name the role (type `name`)
    polqual::text ~ '\{SQLVALUEFUNCTION :op \d+ :type (?!19 )' as tells_time
  from pg_policy
  where polcmd in ('r', '*')
),
-- What a policy reads, by way of views and functions, too. What a function reads PostgreSQL knows only of those whose
-- body is SQL that it has parsed; of others each word that is the name of a captured table or of a function counts:
-- to watch one table too many costs a reading, and what is missed is why such policies stay opaque.
used as (
  select oid as policy, 'pg_class'::regclass as class, unnest(relations) as used from policy
  union
  select oid, 'pg_proc'::regclass, unnest(functions) from policy
  union
  select source.policy, target.class, target.oid
  from (select * from used) source
  cross join lateral (
    select refclassid::regclass as class, refobjid as oid
    from pg_depend
    where source.class = 'pg_proc'::regclass and classid = source.class and objid = source.used and source.used >= 16384
      and refclassid in ('pg_class'::regclass, 'pg_proc'::regclass)
    union all
    select refclassid::regclass, refobjid
    from pg_rewrite
    join pg_depend on classid = 'pg_rewrite'::regclass and objid = pg_rewrite.oid
    where source.class = 'pg_class'::regclass and ev_class = source.used and refobjid <> source.used
      and refclassid in ('pg_class'::regclass, 'pg_proc'::regclass)
    union all
    select named.class, named.oid
    from pg_proc
    cross join lateral (
      select distinct lower(word) as word from regexp_split_to_table(prosrc, '[^[:alnum:]_$]+') word
    ) words
    cross join lateral (
      select 'pg_class'::regclass as class, oid from pg_class
      where relname = word and oid in (select oid from capture)
      union all
      select 'pg_proc'::regclass, oid from pg_proc where proname = word and oid >= 16384
    ) named
    where source.class = 'pg_proc'::regclass and pg_proc.oid = source.used and source.used >= 16384
  ) target
),
read as (
  select policy, array_agg(distinct used) as relations
  from used
  join pg_class on pg_class.oid = used
  where class = 'pg_class'::regclass and relkind in ('r', 'p')
  group by policy
)
select json_build_object(
  -- the cluster, the database in it, and the log in that
  'database', concat_ws(
    ' ', (select system_identifier from pg_control_system()),
    (select oid from pg_database where datname = current_database()), to_regclass('realtime.changes')::oid,
    -- another one after a crash (server/realtime/log.ts)
    (select extract(epoch from stats_reset) from pg_stat_bgwriter)
  ),
  'readable', coalesce(has_schema_privilege(to_regnamespace('realtime'), 'usage'), false) and coalesce(
    has_function_privilege(to_regprocedure('realtime.changes_since(pg_snapshot, oid[], oid[])'), 'execute')
    and has_function_privilege(to_regprocedure('realtime.removed_up_to()'), 'execute'),
    false
  ),
  'installed', to_regprocedure('realtime.capture()') is not null,
  'tables', (
    select coalesce(json_agg(json_build_object(
      'oid', class.oid::bigint,
      'root', root.oid::bigint,
      'schema', nspname,
      'name', class.relname,
      'isCaptured', capture.oid is not null,
      'isFull', root.relreplident = 'f',
      'key', coalesce(key.columns, '[]'),
      'isSecured', class.relrowsecurity,
      'isPlain', not exists (
        select from pg_attribute
        where attrelid = class.oid and attnum > 0 and not attisdropped and atttypid not in (select oid from plain_type)
      )
    )), '[]')
    from pg_class class
    join pg_namespace on pg_namespace.oid = class.relnamespace
    join pg_class root on root.oid = coalesce(pg_partition_root(class.oid), class.oid)
    left join capture on capture.oid = class.oid
    left join key on key.root = root.oid
    where class.relkind in ('r', 'p') and class.relpersistence = 'p'
      and nspname not in ('pg_catalog', 'information_schema') and nspname not like 'pg\_toast%'
      and (capture.oid is not null or class.oid in (select unnest(relations) from read))
  ),
  'policies', (
    select coalesce(json_agg(json_build_object(
      'table', polrelid::bigint,
      'roles', array(
        select coalesce(rolname, 'PUBLIC') from unnest(polroles) member (id) left join pg_roles on oid = id
      ),
      'isClaimsFree',
        nodes <@ array[
          'VAR', 'CONST', 'OPEXPR', 'FUNCEXPR', 'BOOLEXPR', 'NULLTEST', 'BOOLEANTEST', 'SCALARARRAYOPEXPR',
          'DISTINCTEXPR', 'NULLIFEXPR', 'RELABELTYPE', 'CASE', 'CASEEXPR', 'WHEN', 'CASEWHEN', 'COALESCE', 'COALESCEEXPR',
          'ARRAY', 'ARRAYEXPR'
        ]
        and not exists (
          select from pg_proc
          where oid = any (functions) and (provolatile <> 'i' or pronamespace <> 'pg_catalog'::regnamespace)
        ),
      -- beyond what is written: functions may read tables, the clock, anything
      'isOpaque', tells_time or exists (
        select from pg_proc
        where oid = any (functions)
          and (pronamespace <> 'pg_catalog'::regnamespace or (provolatile <> 'i' and proname <> 'current_setting'))
      ) or exists (
        select from unnest(policy.relations) named (id)
        where not exists (select from pg_class where oid = id and relkind in ('r', 'p'))
      ),
      'relations', array(select unnest(read.relations)::bigint),
      'digest', md5(concat_ws(' ', polname, polpermissive, polroles, polqual::text))
    ) order by polrelid, polname), '[]')
    from policy
    left join read on read.policy = policy.oid
  )
)::text
