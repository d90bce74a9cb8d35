-- Schema `storage`: buckets and the objects in them, with the columns that policies, triggers and seeds speak of.
-- No file is kept here: that is the storage service's, which these tables belong to. May be run again and again.

create schema if not exists storage authorization supabase_admin;
grant usage on schema storage to anon, authenticated, service_role;
grant all on schema storage to postgres, supabase_storage_admin, dashboard_user;

do $$
begin
  if to_regtype('storage.buckettype') is null then
    create type storage.buckettype as enum ('STANDARD', 'ANALYTICS', 'VECTOR');
    alter type storage.buckettype owner to supabase_storage_admin;
  end if;
end
$$;

create table if not exists storage.buckets (
  id text primary key,
  name text not null,
  owner uuid,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  public boolean default false,
  avif_autodetection boolean default false,
  file_size_limit bigint,
  allowed_mime_types text[],
  owner_id text,
  type storage.buckettype not null default 'STANDARD'
);
create unique index if not exists bname on storage.buckets (name);
comment on column storage.buckets.owner is 'Superseded by owner_id.';

create table if not exists storage.objects (
  id uuid primary key default gen_random_uuid(),
  bucket_id text,
  name text,
  owner uuid,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  last_accessed_at timestamptz default now(),
  metadata jsonb,
  path_tokens text[] generated always as (string_to_array(name, '/')) stored,
  version text,
  owner_id text,
  user_metadata jsonb,
  constraint "objects_bucketId_fkey" foreign key (bucket_id) references storage.buckets (id)
);
create unique index if not exists bucketid_objname on storage.objects (bucket_id, name);
create index if not exists idx_objects_bucket_id_name on storage.objects (bucket_id, name collate "C");
create index if not exists name_prefix_search on storage.objects (name text_pattern_ops);
comment on column storage.objects.owner is 'Superseded by owner_id.';

alter table storage.buckets owner to supabase_storage_admin;
alter table storage.objects owner to supabase_storage_admin;
alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;
grant all on storage.buckets, storage.objects to postgres with grant option;
grant all on storage.buckets, storage.objects to anon, authenticated, service_role, dashboard_user;

-- The parts of an object's name: 'a/b/photo.tar.gz' lies in {a,b}, is called photo.tar.gz and ends in gz.
create or replace function storage.foldername(name text) returns text[]
language sql immutable as $$
  select trim_array(string_to_array(name, '/'), least(cardinality(string_to_array(name, '/')), 1))
$$;

create or replace function storage.filename(name text) returns text
language sql immutable as $$
  select split_part(name, '/', -1)
$$;

create or replace function storage.extension(name text) returns text
language sql immutable as $$
  select split_part(split_part(name, '/', -1), '.', -1)
$$;

create or replace function storage.operation() returns text
language sql stable as $$
  select current_setting('storage.operation', true)
$$;
comment on function storage.operation() is 'What the storage service is about to do, for policies that ask.';

create or replace function storage.get_size_by_bucket() returns table (size bigint, bucket_id text)
language sql stable as $$
  select sum((metadata ->> 'size')::bigint)::bigint, bucket_id
  from storage.objects
  group by bucket_id
$$;

create or replace function storage.update_updated_at_column() returns trigger
language plpgsql as $$
begin
  new.updated_at := now();
  return new;
end
$$;

create or replace trigger update_objects_updated_at
  before update on storage.objects
  for each row execute function storage.update_updated_at_column();

-- Trigger functions that dumps of projects refer to. No trigger of ours uses them: whoever dumps one brings it along.
create or replace function storage.enforce_bucket_name_length() returns trigger
language plpgsql as $$
begin
  if char_length(new.name) > 100 then
    raise exception 'The bucket name "%" has more than 100 characters.', new.name;
  end if;
  return new;
end
$$;

create or replace function storage.protect_delete() returns trigger
language plpgsql as $$
begin
  if coalesce(current_setting('storage.allow_delete_query', true), '') <> 'true' then
    raise insufficient_privilege using
      message = 'Rows of the storage are not deleted by hand: their files would stay.',
      hint = 'Delete them through the storage API.';
  end if;
  return null;
end
$$;

do $$
declare
  made regprocedure;
begin
  for made in select oid from pg_proc where pronamespace = 'storage'::regnamespace loop
    execute format('alter function %s owner to supabase_storage_admin', made);
  end loop;
end
$$;
