-- Who is asking? Policies call these inside `(select ...)`, which PostgreSQL then runs once per statement and
-- not once per row. Those that look into memberships are security definers: the policies on memberships call
-- them in turn.

create or replace function app.user_id() returns uuid
language sql stable
return (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid;

comment on function app.user_id() is 'The signed-in person: the `sub` claim of the token, or null.';

-- The organizations in which the caller has at least this role.
create or replace function app.organization_ids(at_least public.member_role) returns bigint[]
language sql stable security definer set search_path = ''
begin atomic
  select coalesce(array_agg(membership.organization_id), '{}')
  from public.memberships as membership
  where membership.person_id = (select app.user_id())
    and membership.role >= at_least;
end;

-- The caller and everybody with whom they share an organization.
create or replace function app.teammate_ids() returns uuid[]
language sql stable security definer set search_path = ''
begin atomic
  select coalesce(array_agg(distinct teammate.person_id), '{}') || app.user_id()
  from public.memberships as mine
  join public.memberships as teammate using (organization_id)
  where mine.person_id = (select app.user_id());
end;

grant usage on schema app, public, extensions to anon, authenticated, service_role;
grant execute on function app.user_id() to anon, authenticated, service_role;
grant execute on function app.organization_ids(public.member_role), app.teammate_ids() to authenticated;

-- Whoever writes a row is its author, unless they say otherwise (which a policy may then refuse).
alter table public.tasks alter column reporter_id set default app.user_id();
alter table public.comments alter column author_id set default app.user_id();
alter table public.updates alter column author_id set default app.user_id();
alter table public.time_entries alter column person_id set default app.user_id();
alter table public.preferences alter column person_id set default app.user_id();
