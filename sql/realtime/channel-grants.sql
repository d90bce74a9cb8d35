-- Lets the server's login, here `authenticator`, serve channels. What the roles of the API may do in them is said by
-- policies of realtime.messages, which need the privileges below to be asked at all.
grant usage on schema realtime to authenticator;
grant execute on function
  realtime.publish(uuid, text[]), realtime.relayed(uuid[]), realtime.relayed_since(pg_snapshot, timestamptz),
  realtime.beat(uuid, interval), realtime.present(uuid, bigint[], text[], boolean[], text[], text[], text[], text[]), realtime.depart(uuid),
  realtime.present_in(text[], boolean[]), realtime.probe(text, uuid, uuid), realtime.prune_relay(),
  realtime.prune_messages(interval)
to authenticator;
do $$
declare
  wanted name;
begin
  foreach wanted in array array['anon', 'authenticated', 'service_role'] loop
    if exists (select from pg_roles where rolname = wanted) then
      execute format('grant usage on schema realtime to %I', wanted);
      execute format('grant select, insert on realtime.messages to %I', wanted);
    end if;
  end loop;
end
$$;
