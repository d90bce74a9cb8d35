-- In-database settings of the role that is logged in.
--   $1 text[]   names to look for, with their prefix: 'pgrst.db_schemas', 'aura.db_max_filters'
--   $2 boolean  whether the function of db-pre-config was called before, in this transaction
-- Per name the most particular value wins: set on the role in this database, set on the role, set by the
-- function. What is set on the database alone, or by the connection, does not count where no function is used.
with wanted as (
  select unnest($1::text[]) as name
),
stored as (
  select split_part(entry, '=', 1) as name,
         substr(entry, strpos(entry, '=') + 1) as value,
         case when setting.setdatabase = 0 then 2 else 1 end as rank
    from pg_catalog.pg_db_role_setting as setting
         cross join lateral unnest(setting.setconfig) as entry
   where setting.setrole = (select oid from pg_catalog.pg_roles where rolname = session_user)
     and setting.setdatabase in (
           0,
           (select oid from pg_catalog.pg_database where datname = current_database())
         )
  union all
  select wanted.name, current_setting(wanted.name, true), 3
    from wanted
   where $2::boolean
)
select distinct on (stored.name) stored.name, stored.value
  from stored
       join wanted on wanted.name = stored.name
 where stored.value is not null
   and (stored.rank < 3 or stored.value <> '')
 order by stored.name, stored.rank;
