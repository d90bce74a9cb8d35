-- Capture: what is committed to a table of the publication `aura` or `supabase_realtime` is written to a log, in the
-- transaction that changes it, and `aura_changes` is notified once a transaction with the transaction's id. Run by
-- whoever may make triggers on the tables, best a superuser; may be run again and again. docs/realtime.md has more.
--
--   realtime.changes        the log; the rows of one transaction appear all at once, when it commits
--   realtime.pruned         how far back the log has been cut off
--   realtime.settings       how long it is kept
--   realtime.tables()       what the publications name, and why some of it cannot be captured
--   realtime.sync()         makes the triggers what the publications say; runs by itself after DDL where it may
--   realtime.changes_since  what a server reads
--
-- The log, and the functions that see rows, belong to a role that owns nothing else: a cast or an output function
-- that comes with a column's type runs as that role, and not as the superuser who installed this.

do $$
begin
  if not exists (select from pg_roles where rolname = 'aura_realtime') then
    create role aura_realtime nologin noinherit;
  end if;
exception when duplicate_object or unique_violation then
  null; -- another database of this server was quicker
end
$$;

create schema if not exists realtime;

create table if not exists realtime.changes (
  id           bigint generated always as identity primary key,
  transaction  xid8 not null default pg_current_xact_id(),
  relation     oid not null,
  operation    text not null check (operation in ('insert', 'update', 'delete', 'reset')),
  key          jsonb,
  new          json,
  old          json,
  at           timestamptz not null default clock_timestamp(),
  check ((key is null) = (operation = 'reset'))
);
create index if not exists changes_transaction on realtime.changes (transaction);
comment on table realtime.changes is
  'Committed changes of published tables; `reset`: what changed is not known by row (TRUNCATE, DDL).';
comment on column realtime.changes.relation is 'The table; of a partitioned one, its root.';
comment on column realtime.changes.key is 'The primary key, or the key of the replica identity, by column.';
comment on column realtime.changes.new is 'The row as it is now; null of a deleted one.';
comment on column realtime.changes.old is 'The row as it was: of a deleted one, and where REPLICA IDENTITY is FULL.';

create table if not exists realtime.pruned (
  id           bigint generated always as identity primary key,
  transaction  xid8 not null
);
comment on table realtime.pruned is 'The latest transaction of which rows were removed from the log.';

create table if not exists realtime.settings (
  singleton  boolean primary key default true check (singleton),
  keep_for   interval not null default '1 hour' check (keep_for > '0'),
  keep_rows  bigint not null default 1000000 check (keep_rows > 0)
);
insert into realtime.settings default values on conflict do nothing;
comment on table realtime.settings is 'Changes are kept for so long, and so many at the most.';

-- The columns that tell a table's rows apart, in the order of the key; null = there is no key.
create or replace function realtime.key_columns(relation oid) returns name[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  select array_agg(attname order by position)
  from (
    select indrelid, indkey::int2[] as columns, indnkeyatts
    from pg_index
    where indrelid = relation and (indisprimary or indisreplident) and indisvalid
    order by indisprimary desc
    limit 1
  ) key
  cross join unnest(columns) with ordinality as part (attnum, position)
  join pg_attribute on attrelid = indrelid and pg_attribute.attnum = part.attnum
  where position <= indnkeyatts
$$;

-- What the publications name, by root of partitions; `reason` says why a table cannot be captured.
create or replace function realtime.tables() returns table (relation oid, reason text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select root.oid,
    case
      when realtime.key_columns(root.oid) is null then 'it has no primary key'
      when exists (
        select from pg_inherits join pg_class child on child.oid = inhrelid
        where (inhparent = root.oid and not child.relispartition)
          or (inhrelid = root.oid and not child.relispartition)
      ) then 'it inherits, or is inherited from'
      when exists (
        select from pg_partition_tree(root.oid) tree join pg_class part on part.oid = tree.relid
        where part.relkind = 'f'
      ) then 'it has partitions that are foreign tables'
    end
  from (
    select distinct coalesce(pg_partition_root(member.oid), member.oid) as oid
    from pg_publication publication
    join pg_class member on
      -- the view pg_publication_tables has no partitioned table that has no partition
      publication.puballtables
      or exists (select from pg_publication_rel where prpubid = publication.oid and prrelid = member.oid)
      or exists (
        select from pg_publication_namespace where pnpubid = publication.oid and pnnspid = member.relnamespace
      )
    where pubname in ('aura', 'supabase_realtime')
      and member.relpersistence = 'p'
      and member.relnamespace not in (
        'pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace
      )
  ) root
  join pg_class using (oid)
  where relkind in ('r', 'p') and relnamespace <> 'realtime'::regnamespace
$$;

-- Cuts the log off where it is too long, `most` rows at a time. Rows that another session removes are left to it.
create or replace function realtime.prune(most bigint) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  -- by place and not by key, which a plan without statistics might look up in a list again and again
  with gone as (
    delete from realtime.changes
    where ctid = any (array(
      select ctid
      from realtime.changes
      where id <= (select max(id) from (select id from realtime.changes order by id limit most) oldest)
        and (
          at < clock_timestamp() - (select keep_for from realtime.settings)
          or id <= (select last_value from realtime.changes_id_seq) - (select keep_rows from realtime.settings)
        )
      for update skip locked
    ))
    returning transaction
  )
  insert into realtime.pruned (transaction)
  select transaction from gone order by transaction desc limit 1;

  -- the latest one says it all
  delete from realtime.pruned
  where ctid = any (array(
    select ctid
    from realtime.pruned
    where (transaction, id) < (
      select transaction, id from realtime.pruned order by transaction desc, id desc limit 1
    )
    for update skip locked
  ));
$$;

-- The trigger. The settings make the log's texts the same whatever the writer's session prefers.
create or replace function realtime.capture() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set intervalstyle = 'postgres'
set bytea_output = 'hex'
set extra_float_digits = 1
as $$
declare
  root oid := coalesce(pg_partition_root(tg_relid), tg_relid);
  is_full boolean;
  key text;
  appended bigint;
begin
  -- looked up each time: columns are renamed and keys change, and no write may fail of it
  select
    relreplident = 'f',
    (select string_agg(format('%L, r.%I', name, name), ', ' order by position)
     from unnest(realtime.key_columns(root)) with ordinality as part (name, position))
  into is_full, key
  from pg_class where oid = root;
  key := 'jsonb_build_object(' || key || ')';

  if tg_op = 'TRUNCATE' or key is null then
    insert into realtime.changes (relation, operation) values (root, 'reset');
  elsif tg_op = 'INSERT' then
    execute 'insert into realtime.changes (relation, operation, key, new)
      select $1, ''insert'', ' || key || ', row_to_json(r) from new_rows r'
    using root;
  elsif tg_op = 'DELETE' then
    -- who may hear of it is decided by the row that is gone
    execute 'insert into realtime.changes (relation, operation, key, old)
      select $1, ''delete'', ' || key || ', row_to_json(r) from old_rows r'
    using root;
  else
    -- a row whose key changes leaves under the one and comes under the other
    execute 'insert into realtime.changes (relation, operation, key, new, old)
      select $1,
        case when o.key is null then ''insert'' when n.key is null then ''delete'' else ''update'' end,
        coalesce(n.key, o.key), n.data, case when $2 or n.key is null then row_to_json(o.r) end
      from (select ' || key || ' as key, row_to_json(r) as data from new_rows r) n
      full join (select ' || key || ' as key, r from old_rows r) o on o.key = n.key'
    using root, is_full;
  end if;
  get diagnostics appended = row_count;
  if appended = 0 then
    return null;
  end if;
  -- equal notifications of one transaction are one
  perform pg_notify('aura_changes', pg_current_xact_id()::text);
  -- every 256th row pays for the removal of old ones; a stricter transaction might fail of what others remove
  if random() < appended / 256.0 and current_setting('transaction_isolation') like 'read %' then
    perform realtime.prune(greatest(1024, 2 * appended));
  end if;
  return null;
end
$$;

-- Says of tables that anything may have changed.
create or replace function realtime.append_reset(relations oid[]) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  insert into realtime.changes (relation, operation) select unnest(relations), 'reset';
  select pg_notify('aura_changes', pg_current_xact_id()::text);
$$;

-- Makes triggers what the publications say. Triggers are of the whole tree of partitions, since those of the table
-- that a statement names are the ones that fire. ALTER TABLE in here leads to another run within, hence the looks
-- at what is there just before something is made.
create or replace function realtime.sync() returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  member record;
  event record;
  is_new boolean;
begin
  for member in
    select tgrelid::regclass as name, tgname, coalesce(pg_partition_root(tgrelid), tgrelid) as root
    from pg_trigger
    where tgfoid = 'realtime.capture()'::regprocedure
      and coalesce(pg_partition_root(tgrelid), tgrelid) not in (
        select relation from realtime.tables() where reason is null
      )
  loop
    execute format('drop trigger if exists %I on %s', member.tgname, member.name);
    -- what changes from now on is not in the log: whoever follows the table has to know
    perform realtime.append_reset(array[member.root]);
  end loop;

  <<tables>>
  for member in
    select relation as root, part.oid, part.oid::regclass as name
    from realtime.tables()
    cross join lateral (
      select relation as oid union select relid from pg_partition_tree(relation)
    ) part
    where reason is null
  loop
    is_new := false;
    for event in
      select *
      from (values
        ('insert', 'referencing new table as new_rows'),
        ('update', 'referencing old table as old_rows new table as new_rows'),
        ('delete', 'referencing old table as old_rows'),
        ('truncate', '')
      ) as event (name, transition)
    loop
      if not exists (
        select from pg_trigger
        where tgrelid = member.oid and tgfoid = 'realtime.capture()'::regprocedure
          and tgname = 'aura_capture_' || event.name
      ) then
        begin
          execute format(
            'create trigger %I after %s on %s %s for each statement execute function realtime.capture()',
            'aura_capture_' || event.name, event.name, member.name, event.transition
          );
          is_new := true;
        exception when duplicate_object then
          -- a trigger of the owner's; it must not stop everybody else's DDL
          raise warning 'changes of % are not captured: %', member.name, sqlerrm;
          continue tables;
        end;
      end if;
    end loop;
    if is_new then
      -- what changed before is not in the log
      perform realtime.append_reset(array[member.root]);
    end if;
    if exists (
      select from pg_trigger
      where tgrelid = member.oid and tgfoid = 'realtime.capture()'::regprocedure and tgenabled <> 'A'
    ) then
      -- in sessions with session_replication_role = replica, too: loading data is a change
      execute format(
        'alter table %s enable always trigger aura_capture_insert, enable always trigger aura_capture_update, '
        'enable always trigger aura_capture_delete, enable always trigger aura_capture_truncate', member.name
      );
    end if;
  end loop;
end
$$;

-- Whoever changes a schema may not make triggers on all tables: as the installer. It takes no argument, runs
-- by itself only, and does what the publications say.
create or replace function realtime.follow_ddl() returns event_trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  member record;
  touched oid[];
begin
  -- temporary tables are in no publication, and may come with every request; what is dropped is not listed
  if (select bool_and(command.schema_name = 'pg_temp') from pg_event_trigger_ddl_commands() as command) then
    return;
  end if;
  perform realtime.sync();
  if tg_tag like '% PUBLICATION' then
    for member in select relation::regclass as name, reason from realtime.tables() where reason is not null loop
      raise warning 'changes of % are not captured: %', member.name, member.reason
        using hint = 'Take it out of the publication, or change it.';
    end loop;
  end if;
  -- rows come and go with partitions, and change with their columns
  if tg_tag = 'DROP TABLE' then
    select array_agg(relation) into touched
    from realtime.tables() join pg_class on oid = relation where relkind = 'p' and reason is null;
  else
    select array_agg(distinct relation) into touched
    from pg_event_trigger_ddl_commands() command
    join realtime.tables() on relation = coalesce(pg_partition_root(command.objid), command.objid)
    where command.classid = 'pg_class'::regclass and reason is null;
  end if;
  if touched is not null then
    perform realtime.append_reset(touched);
  end if;
end
$$;

-- The log behind a position: a snapshot that was taken with a read. What is visible now and was not then. Rows are
-- told only of the relations in `images`: they may be large, and many need no more than keys.
drop function if exists realtime.changes_since(pg_snapshot, oid[]);
create or replace function realtime.changes_since(since pg_snapshot, relations oid[], images oid[])
returns table (
  id bigint, transaction xid8, relation oid, operation text, key jsonb, new json, old json, at timestamptz
)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select
    change.id, change.transaction, change.relation, change.operation, change.key,
    case when change.relation = any (images) then change.new end,
    case when change.relation = any (images) then change.old end,
    change.at
  from realtime.changes change
  where change.transaction >= pg_snapshot_xmin(since)
    and not pg_visible_in_snapshot(change.transaction, since)
    and change.relation = any (relations)
  order by change.id
$$;

-- The latest transaction of which something has been removed from the log; null = nothing has been. The log is whole
-- behind a position whose oldest running transaction is a later one.
drop function if exists realtime.is_complete_since(pg_snapshot);
create or replace function realtime.removed_up_to() returns xid8
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select transaction from realtime.pruned order by transaction desc limit 1
$$;

-- The tables among these whose changes are captured.
create or replace function realtime.captured(relations oid[]) returns setof oid
language sql stable set search_path = pg_catalog, pg_temp as $$
  select tgrelid
  from pg_trigger
  where tgrelid = any (relations) and tgfoid = 'realtime.capture()'::regprocedure and tgenabled = 'A'
  group by tgrelid
  having count(*) = 4
$$;

revoke all on table realtime.changes, realtime.pruned, realtime.settings from public;
revoke all on function
  realtime.key_columns(oid), realtime.tables(), realtime.prune(bigint), realtime.capture(),
  realtime.append_reset(oid[]), realtime.sync(), realtime.follow_ddl(), realtime.captured(oid[]),
  realtime.changes_since(pg_snapshot, oid[], oid[]), realtime.removed_up_to()
from public;
grant usage, create on schema realtime to aura_realtime;
grant execute on function realtime.key_columns(oid) to aura_realtime;
-- who is no superuser may give something only to a role that it may act as; to have made it is not enough
do $$
begin
  if not pg_has_role('aura_realtime', 'usage') then
    grant aura_realtime to current_user;
  end if;
end
$$;
alter table realtime.changes owner to aura_realtime;
alter table realtime.pruned owner to aura_realtime;
alter table realtime.settings owner to aura_realtime;
alter function realtime.prune(bigint) owner to aura_realtime;
alter function realtime.capture() owner to aura_realtime;
alter function realtime.append_reset(oid[]) owner to aura_realtime;
alter function realtime.changes_since(pg_snapshot, oid[], oid[]) owner to aura_realtime;
alter function realtime.removed_up_to() owner to aura_realtime;
revoke create on schema realtime from aura_realtime;

do $$
begin
  if not exists (select from pg_publication where pubname = 'aura') then
    create publication aura;
  end if;
end
$$;

do $$
begin
  if not exists (select from pg_event_trigger where evtname = 'aura_capture') then
    create event trigger aura_capture on ddl_command_end
      when tag in (
        'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE', 'DROP TABLE', 'ALTER SCHEMA',
        'CREATE PUBLICATION', 'ALTER PUBLICATION', 'DROP PUBLICATION'
      )
      execute function realtime.follow_ddl();
  end if;
exception when insufficient_privilege then
  raise notice 'no event trigger, so that realtime.sync() has to be called after such DDL: %', sqlerrm;
end
$$;

select realtime.sync();
