-- organizations: visitors see those that are listed, members their own. Admins may change them, owners end them.
-- New ones are made by create_organization().
revoke all on organizations from anon, authenticated;
grant select on organizations to anon, authenticated;
grant update (slug, name, is_listed, settings), delete on organizations to authenticated;

drop policy if exists "listed organizations are public" on organizations;
create policy "listed organizations are public" on organizations
  for select to anon, authenticated
  using (is_listed);

drop policy if exists "members see their organizations" on organizations;
create policy "members see their organizations" on organizations
  for select to authenticated
  using (id = any ((select app.organization_ids('guest'))::bigint[]));

drop policy if exists "admins change their organizations" on organizations;
create policy "admins change their organizations" on organizations
  for update to authenticated
  using (id = any ((select app.organization_ids('admin'))::bigint[]));

drop policy if exists "owners delete their organizations" on organizations;
create policy "owners delete their organizations" on organizations
  for delete to authenticated
  using (id = any ((select app.organization_ids('owner'))::bigint[]));

-- people: teammates see each other; everybody keeps their own profile, and may make it when they first come.
revoke all on people from anon, authenticated;
grant select, insert on people to authenticated;
grant update (handle, full_name, title, time_zone, skills) on people to authenticated;

drop policy if exists "teammates see each other" on people;
create policy "teammates see each other" on people
  for select to authenticated
  using (id = any ((select app.teammate_ids())::uuid[]));

drop policy if exists "people make their own profile" on people;
create policy "people make their own profile" on people
  for insert to authenticated
  with check (id = (select app.user_id()));

drop policy if exists "people change their own profile" on people;
create policy "people change their own profile" on people
  for update to authenticated
  using (id = (select app.user_id()));

-- preferences: one's own business.
revoke all on preferences from anon, authenticated;
grant select, insert, update, delete on preferences to authenticated;

drop policy if exists "preferences are private" on preferences;
create policy "preferences are private" on preferences
  for all to authenticated
  using (person_id = (select app.user_id()));

-- memberships: members see who else is in. Admins let people in and out, but never above their own role;
-- everybody may leave.
revoke all on memberships from anon, authenticated;
grant select, insert, delete on memberships to authenticated;
grant update (role) on memberships to authenticated;

drop policy if exists "members see the members" on memberships;
create policy "members see the members" on memberships
  for select to authenticated
  using (organization_id = any ((select app.organization_ids('guest'))::bigint[]));

drop policy if exists "admins add members" on memberships;
create policy "admins add members" on memberships
  for insert to authenticated
  with check (
    organization_id = any ((select app.organization_ids('owner'))::bigint[])
    or (organization_id = any ((select app.organization_ids('admin'))::bigint[]) and role < 'owner')
  );

drop policy if exists "admins change roles" on memberships;
create policy "admins change roles" on memberships
  for update to authenticated
  using (
    organization_id = any ((select app.organization_ids('owner'))::bigint[])
    or (organization_id = any ((select app.organization_ids('admin'))::bigint[]) and role < 'owner')
  );

drop policy if exists "admins remove members and everybody may leave" on memberships;
create policy "admins remove members and everybody may leave" on memberships
  for delete to authenticated
  using (
    person_id = (select app.user_id())
    or organization_id = any ((select app.organization_ids('owner'))::bigint[])
    or (organization_id = any ((select app.organization_ids('admin'))::bigint[]) and role < 'owner')
  );
