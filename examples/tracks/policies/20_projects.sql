-- projects: public ones are for everybody to see, all others for the organization; admins make and end them,
-- members change them.
revoke all on projects from anon, authenticated;
grant select on projects to anon, authenticated;
grant insert, delete on projects to authenticated;
grant update (lead_id, key, name, description, status, visibility, planned, tags) on projects to authenticated;

drop policy if exists "public projects are for everybody" on projects;
create policy "public projects are for everybody" on projects
  for select to anon, authenticated
  using (visibility = 'public');

drop policy if exists "members see projects" on projects;
create policy "members see projects" on projects
  for select to authenticated
  using (organization_id = any ((select app.organization_ids('guest'))::bigint[]));

drop policy if exists "members change projects" on projects;
create policy "members change projects" on projects
  for update to authenticated
  using (organization_id = any ((select app.organization_ids('member'))::bigint[]));

drop policy if exists "admins add projects" on projects;
create policy "admins add projects" on projects
  for insert to authenticated
  with check (organization_id = any ((select app.organization_ids('admin'))::bigint[]));

drop policy if exists "admins delete projects" on projects;
create policy "admins delete projects" on projects
  for delete to authenticated
  using (organization_id = any ((select app.organization_ids('admin'))::bigint[]));

-- sprints and labels: everybody in the organization sees them, members keep them.
revoke all on sprints, labels from anon, authenticated;
grant select, insert, update, delete on sprints, labels to authenticated;

drop policy if exists "members see sprints" on sprints;
create policy "members see sprints" on sprints
  for select to authenticated
  using (organization_id = any ((select app.organization_ids('guest'))::bigint[]));

drop policy if exists "members keep sprints" on sprints;
create policy "members keep sprints" on sprints
  for all to authenticated
  using (organization_id = any ((select app.organization_ids('member'))::bigint[]));

drop policy if exists "members see labels" on labels;
create policy "members see labels" on labels
  for select to authenticated
  using (organization_id = any ((select app.organization_ids('guest'))::bigint[]));

drop policy if exists "members keep labels" on labels;
create policy "members keep labels" on labels
  for all to authenticated
  using (organization_id = any ((select app.organization_ids('member'))::bigint[]));

-- updates: published ones of public projects are for everybody; drafts and all others for the organization.
-- Only their authors write them.
revoke all on updates from anon, authenticated;
grant select on updates to anon, authenticated;
grant insert, delete on updates to authenticated;
grant update (title, body, health, published_at) on updates to authenticated;

drop policy if exists "published updates of public projects are for everybody" on updates;
create policy "published updates of public projects are for everybody" on updates
  for select to anon, authenticated
  using (
    published_at <= now()
    and project_id in (select project.id from projects as project where project.visibility = 'public')
  );

drop policy if exists "members see updates" on updates;
create policy "members see updates" on updates
  for select to authenticated
  using (organization_id = any ((select app.organization_ids('guest'))::bigint[]));

drop policy if exists "authors write updates" on updates;
create policy "authors write updates" on updates
  for all to authenticated
  using (
    author_id = (select app.user_id())
    and organization_id = any ((select app.organization_ids('member'))::bigint[])
  );
