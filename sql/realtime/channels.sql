-- What channels need of the database: the relay that carries messages from one Aura process to the others, and who is
-- present where. Run behind messages.sql (or on a database that Supabase has made), by whoever ran capture.sql; may be
-- run again and again.
--
--   realtime.relay       messages on their way; each is notified on `aura_relay`, with its content where that fits
--   realtime.nodes       the processes that live: one that is not heard of for a while is dead
--   realtime.presences   who is present in which channel, by the process that it is connected to
--
-- None of it outlives a crash of PostgreSQL, hence the tables are not logged: processes write theirs anew.

create unlogged table if not exists realtime.relay (
  id           bigint generated always as identity primary key,
  name         uuid not null default gen_random_uuid(),
  transaction  xid8 not null default pg_current_xact_id(),
  sender       uuid,
  content      text not null,
  at           timestamptz not null default clock_timestamp()
);
create index if not exists relay_at on realtime.relay (at);
create index if not exists relay_name on realtime.relay (name);
comment on table realtime.relay is 'Messages between the processes of Aura, for some minutes.';
comment on column realtime.relay.id is 'In the order of the sender''s messages; begins anew after a crash.';
comment on column realtime.relay.name is 'Another one for each message, for ever.';
comment on column realtime.relay.sender is 'The process that needs no telling; null = all are told.';

create unlogged table if not exists realtime.nodes (
  id       uuid primary key,
  seen_at  timestamptz not null default clock_timestamp()
);
comment on table realtime.nodes is 'Processes of Aura with somebody present.';

create unlogged table if not exists realtime.presences (
  node     uuid not null references realtime.nodes on delete cascade,
  member   bigint not null,
  topic    text not null,
  private  boolean not null,
  key      text not null,
  ref      text not null,
  payload  text not null,
  primary key (node, member)
);
create index if not exists presences_topic on realtime.presences (topic, private);
comment on table realtime.presences is 'Who is present in a channel, and what they say of themselves, as JSON.';

-- Tells all processes. NOTIFY takes payloads below 8000 bytes; who is told of a longer content reads it by its id.
create or replace function realtime.publish(sender uuid, contents text[]) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  with kept as (
    insert into realtime.relay (sender, content) select publish.sender, unnest(contents)
    returning id, name, relay.sender, content
  )
  select count(pg_notify(
    'aura_relay',
    concat_ws(
      ' ', name, coalesce(kept.sender::text, '-'), case when octet_length(content) <= 7850 then content end
    )
  ))
  from kept
$$;

-- What was too long for a notification.
create or replace function realtime.relayed(names uuid[]) returns table (name uuid, content text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select relay.name, relay.content from realtime.relay where relay.name = any (names) order by relay.id
$$;

-- What nobody may have heard: visible now, and not in that snapshot; or told since then, for after a crash
-- transactions may have numbers that were seen before.
create or replace function realtime.relayed_since(since pg_snapshot, told timestamptz)
returns table (name uuid, sender uuid, content text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select relay.name, relay.sender, relay.content
  from realtime.relay
  where (relay.transaction >= pg_snapshot_xmin(since) and not pg_visible_in_snapshot(relay.transaction, since))
    or relay.at >= told
  order by relay.id
$$;

-- Says that a process lives, and whether nobody knew: what it had told of presences is then gone.
create or replace function realtime.greet(node uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  update realtime.nodes set seen_at = clock_timestamp() where id = node;
  if found then
    return false;
  end if;
  insert into realtime.nodes (id) values (node) on conflict (id) do nothing;
  return true;
end
$$;

-- Takes the presences of these processes away, and tells everybody.
create or replace function realtime.bury(dead uuid[]) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  with gone as (
    delete from realtime.presences where node = any (dead) returning topic, private, key, ref
  ),
  told as (
    select realtime.publish(null, array[jsonb_build_object(
      'presences', jsonb_agg(jsonb_build_object('topic', topic, 'private', private, 'key', key, 'left', ref))
    )::text])
    from gone
    having count(*) > 0
  ),
  nodes as (
    delete from realtime.nodes where id = any (dead) returning id
  )
  select from told, nodes
$$;

-- A process's regular sign of life. Who has given none for a while is taken for dead.
create or replace function realtime.beat(node uuid, patience interval) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  is_new boolean := realtime.greet(node);
  dead uuid[] := array(
    select id from realtime.nodes where seen_at < clock_timestamp() - patience for update skip locked
  );
begin
  if dead <> '{}' then
    perform realtime.bury(dead);
  end if;
  return is_new;
end
$$;

-- Members of a process come, change or go (an empty payload): a list has a value for each. Gives whether nobody knew of
-- the process: it then has to tell of all its members again.
create or replace function realtime.present(
  node uuid, members bigint[], topics text[], privates boolean[], keys text[], refs text[], payloads text[],
  contents text[]
) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  is_new boolean := realtime.greet(node);
begin
  delete from realtime.presences
  where presences.node = present.node
    and presences.member = any (array(
      select gone.member from unnest(members, payloads) as gone (member, payload) where gone.payload = ''
    ));
  insert into realtime.presences (node, member, topic, private, key, ref, payload)
  select present.node, come.*
  from unnest(members, topics, privates, keys, refs, payloads)
    as come (member, topic, private, key, ref, payload)
  where come.payload <> ''
  on conflict on constraint presences_pkey do update
  set topic = excluded.topic, private = excluded.private, key = excluded.key, ref = excluded.ref,
    payload = excluded.payload;
  perform realtime.publish(null, contents);
  return is_new;
end
$$;

-- A process says goodbye.
create or replace function realtime.depart(node uuid) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select realtime.bury(array[node])
$$;

-- Who is present in these channels.
create or replace function realtime.present_in(topics text[], privates boolean[])
returns table (topic text, private boolean, key text, ref text, payload text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select presences.topic, presences.private, presences.key, presences.ref, presences.payload
  from unnest(topics, privates) as asked (topic, private)
  join realtime.presences on presences.topic = asked.topic and presences.private = asked.private
  order by presences.ref
$$;

-- The trigger of realtime.messages: what is sent by SQL goes to all processes when the transaction commits. Rows that
-- a policy is asked about are none of that.
create or replace function realtime.relay_messages() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if current_setting('realtime.probe', true) is distinct from 'on' then
    perform realtime.publish(null, contents)
    from (
      select array_agg(jsonb_build_object(
        'topic', topic, 'private', coalesce(private, false), 'event', coalesce(event, ''), 'id', id,
        'payload', coalesce(payload, 'null')::text, 'bytes', to_jsonb(sent)->'binary_payload'
      )::text) as contents
      from sent_rows sent
      where extension = 'broadcast'
    ) sent
    where contents is not null;
  end if;
  return null;
end
$$;

-- Rows that a policy is asked about, to be rolled back: one for each extension.
create or replace function realtime.probe(topic text, broadcast uuid, presence uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('realtime.probe', 'on', true);
  insert into realtime.messages (id, topic, extension, private)
  values (broadcast, topic, 'broadcast', true), (presence, topic, 'presence', true);
end
$$;

-- Removes messages that everybody has heard long ago.
create or replace function realtime.prune_relay() returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  delete from realtime.relay
  where id = any (array(
    select id from realtime.relay where at < clock_timestamp() - interval '5 minutes' for update skip locked
  ))
$$;

-- Removes old messages, where that is not the matter of somebody who keeps them by day.
create or replace function realtime.prune_messages(keep_for interval) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  delete from realtime.messages
  where (id, inserted_at) in (
    select id, inserted_at from realtime.messages
    where inserted_at < (now() at time zone 'utc') - keep_for
    order by inserted_at
    limit 1000
    for update skip locked
  )
$$;

revoke all on table realtime.relay, realtime.nodes, realtime.presences from public;
revoke all on function
  realtime.publish(uuid, text[]), realtime.relayed(uuid[]), realtime.relayed_since(pg_snapshot, timestamptz),
  realtime.greet(uuid), realtime.bury(uuid[]), realtime.beat(uuid, interval), realtime.present(uuid, bigint[], text[], boolean[], text[], text[], text[], text[]),
  realtime.depart(uuid), realtime.present_in(text[], boolean[]), realtime.relay_messages(),
  realtime.probe(text, uuid, uuid), realtime.prune_relay(), realtime.prune_messages(interval)
from public;

grant create on schema realtime to aura_realtime;
alter table realtime.relay owner to aura_realtime;
alter table realtime.nodes owner to aura_realtime;
alter table realtime.presences owner to aura_realtime;
alter function realtime.publish(uuid, text[]) owner to aura_realtime;
alter function realtime.relayed(uuid[]) owner to aura_realtime;
alter function realtime.relayed_since(pg_snapshot, timestamptz) owner to aura_realtime;
alter function realtime.greet(uuid) owner to aura_realtime;
alter function realtime.bury(uuid[]) owner to aura_realtime;
alter function realtime.beat(uuid, interval) owner to aura_realtime;
alter function realtime.present(uuid, bigint[], text[], boolean[], text[], text[], text[], text[]) owner to aura_realtime;
alter function realtime.depart(uuid) owner to aura_realtime;
alter function realtime.present_in(text[], boolean[]) owner to aura_realtime;
alter function realtime.relay_messages() owner to aura_realtime;
alter function realtime.prune_relay() owner to aura_realtime;
revoke create on schema realtime from aura_realtime;

-- What sees messages belongs to whom they belong to, since Row-Level Security binds everybody else.
do $$
declare
  owner name := (select relowner::regrole::name from pg_class where oid = 'realtime.messages'::regclass);
  is_partitioned boolean := (select relkind = 'p' from pg_class where oid = 'realtime.messages'::regclass);
begin
  execute format('grant usage, create on schema realtime to %s', owner);
  execute format('alter function realtime.probe(text, uuid, uuid) owner to %s', owner);
  execute format('alter function realtime.prune_messages(interval) owner to %s', owner);
  if owner = 'aura_realtime' then
    revoke create on schema realtime from aura_realtime;
  end if;
  if is_partitioned and not exists (
    select from pg_partitioned_table where partrelid = 'realtime.messages'::regclass and partdefid <> 0
  ) then
    create table realtime.messages_default partition of realtime.messages default;
    execute format('alter table realtime.messages_default owner to %s', owner);
    alter table realtime.messages_default enable row level security;
  end if;
end
$$;

create or replace trigger aura_relay_messages
  after insert on realtime.messages
  referencing new table as sent_rows
  for each statement execute function realtime.relay_messages();
