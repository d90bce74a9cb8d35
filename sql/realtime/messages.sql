-- Messages of private channels: what SQL sends to them, and what their policies are asked about. For a database of
-- Aura's own; one that Supabase has made has all this already. Run behind capture.sql, by whoever ran that; may be run
-- again and again. docs/channels.md has more.
--
--   realtime.messages             policies for `select` say who may join and receive, those for `insert` who may send
--   realtime.topic()              the channel that a policy is asked about
--   realtime.send                 sends a message when the transaction commits
--   realtime.broadcast_changes    the same for triggers: what became of a row

create table if not exists realtime.messages (
  topic        text not null,
  extension    text not null,
  payload      jsonb,
  event        text,
  private      boolean default false,
  updated_at   timestamp not null default (now() at time zone 'utc'),
  inserted_at  timestamp not null default (now() at time zone 'utc'),
  id           uuid not null default gen_random_uuid(),
  primary key (id, inserted_at)
);
create index if not exists messages_topic on realtime.messages (topic, inserted_at);
create index if not exists messages_inserted_at on realtime.messages (inserted_at);
alter table realtime.messages enable row level security;
comment on table realtime.messages is
  'Messages sent to channels. Its policies say who may join a private channel (select) and send to it (insert).';
comment on column realtime.messages.extension is '`broadcast` or `presence`: what a policy is asked about.';
comment on column realtime.messages.inserted_at is 'In UTC.';

create or replace function realtime.topic() returns text
language sql stable as $$
  select nullif(current_setting('realtime.topic', true), '')
$$;
comment on function realtime.topic() is 'The channel that a policy of realtime.messages is asked about.';

-- A message that cannot be sent must not undo what it tells of: it is left out with a warning.
create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  message_id uuid := gen_random_uuid();
  asked_before text := current_setting('realtime.topic', true);
begin
  -- policies of whoever sends may ask for it
  perform set_config('realtime.topic', topic, true);
  insert into realtime.messages (id, payload, event, topic, private, extension)
  values (
    message_id,
    case when jsonb_typeof(payload) = 'object' and not payload ? 'id'
      then payload || jsonb_build_object('id', message_id)
      else payload
    end,
    event, topic, private, 'broadcast'
  );
  perform set_config('realtime.topic', asked_before, true);
exception when others then
  raise warning 'realtime.send: %', sqlerrm;
end
$$;

-- For triggers: tells a channel of a changed row.
create or replace function realtime.broadcast_changes(
  topic_name text, event_name text, operation text, table_name text, table_schema text,
  new record, old record, level text default 'ROW'
) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if level = 'STATEMENT' then
    raise exception 'broadcast_changes is for triggers that run for each row';
  end if;
  if operation not in ('INSERT', 'UPDATE', 'DELETE') then
    raise exception 'broadcast_changes does not know the operation %', operation;
  end if;
  perform realtime.send(
    jsonb_build_object(
      'old_record', old, 'record', new, 'operation', operation, 'table', table_name, 'schema', table_schema
    ),
    event_name,
    topic_name
  );
end
$$;

grant create on schema realtime to aura_realtime;
alter table realtime.messages owner to aura_realtime;
alter function realtime.topic() owner to aura_realtime;
alter function realtime.send(jsonb, text, text, boolean) owner to aura_realtime;
alter function realtime.broadcast_changes(text, text, text, text, text, record, record, text) owner to aura_realtime;
revoke create on schema realtime from aura_realtime;
