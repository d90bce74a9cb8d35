-- Tells the servers that listen when the schema changes, by whatever hand. Event triggers are a superuser's to make:
-- where the login is none, reloads have to be asked for with NOTIFY.
create or replace function aura.tell_of_ddl() returns event_trigger
language plpgsql set search_path = '' as $$
begin
  -- what only fills or rebuilds is no change of the schema, and may come every minute
  if tg_tag in ('REFRESH MATERIALIZED VIEW', 'REINDEX') then
    return;
  end if;
  -- temporary objects concern their own session only; a dropped one is not listed any more
  if tg_tag like 'DROP %' or exists (
    select from pg_event_trigger_ddl_commands() as command
    where command.schema_name is distinct from 'pg_temp'
  ) then
    perform pg_notify('aura', 'reload schema');
  end if;
end
$$;

do $$
begin
  if not exists (select from pg_event_trigger where evtname = 'aura_ddl') then
    create event trigger aura_ddl on ddl_command_end execute function aura.tell_of_ddl();
  end if;
exception when insufficient_privilege then
  raise notice 'no event trigger: %', sqlerrm;
end
$$;
