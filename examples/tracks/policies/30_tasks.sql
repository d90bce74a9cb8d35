-- tasks: the organization sees them and members work on them; only reporters and admins delete them.
revoke all on tasks from anon, authenticated;
grant select, insert, delete on tasks to authenticated;
grant update (
  title, description, status, priority, assignee_id, parent_id, sprint_id, estimate, due_on, custom
) on tasks to authenticated;

drop policy if exists "members see tasks" on tasks;
create policy "members see tasks" on tasks
  for select to authenticated
  using (organization_id = any ((select app.organization_ids('guest'))::bigint[]));

drop policy if exists "members report tasks" on tasks;
create policy "members report tasks" on tasks
  for insert to authenticated
  with check (
    organization_id = any ((select app.organization_ids('member'))::bigint[])
    and reporter_id = (select app.user_id())
  );

drop policy if exists "members change tasks" on tasks;
create policy "members change tasks" on tasks
  for update to authenticated
  using (organization_id = any ((select app.organization_ids('member'))::bigint[]));

drop policy if exists "reporters and admins delete tasks" on tasks;
create policy "reporters and admins delete tasks" on tasks
  for delete to authenticated
  using (
    organization_id = any ((select app.organization_ids('admin'))::bigint[])
    or (
      reporter_id = (select app.user_id())
      and organization_id = any ((select app.organization_ids('member'))::bigint[])
    )
  );

-- task_labels: as visible as the task (whose own policies answer), and both ends in one organization.
revoke all on task_labels from anon, authenticated;
grant select, insert, delete on task_labels to authenticated;

drop policy if exists "labels are seen with their task" on task_labels;
create policy "labels are seen with their task" on task_labels
  for select to authenticated
  using (exists (select from tasks as task where task.id = task_id));

drop policy if exists "members label tasks" on task_labels;
create policy "members label tasks" on task_labels
  for insert to authenticated
  with check (
    exists (
      select from tasks as task
      join labels as label using (organization_id)
      where task.id = task_id
        and label.id = label_id
        and task.organization_id = any ((select app.organization_ids('member'))::bigint[])
    )
  );

drop policy if exists "members unlabel tasks" on task_labels;
create policy "members unlabel tasks" on task_labels
  for delete to authenticated
  using (
    exists (
      select from tasks as task
      where task.id = task_id
        and task.organization_id = any ((select app.organization_ids('member'))::bigint[])
    )
  );

-- comments: everybody in the organization, guests too, may speak, and change their own words only.
revoke all on comments from anon, authenticated;
grant select, insert, delete on comments to authenticated;
grant update (body, mentions) on comments to authenticated;

drop policy if exists "members see comments" on comments;
create policy "members see comments" on comments
  for select to authenticated
  using (organization_id = any ((select app.organization_ids('guest'))::bigint[]));

drop policy if exists "authors write comments" on comments;
create policy "authors write comments" on comments
  for all to authenticated
  using (
    author_id = (select app.user_id())
    and organization_id = any ((select app.organization_ids('guest'))::bigint[])
  );

-- time_entries: the team sees where time went; everybody books their own.
revoke all on time_entries from anon, authenticated;
grant select, insert, delete on time_entries to authenticated;
grant update (during, note) on time_entries to authenticated;

drop policy if exists "members see time entries" on time_entries;
create policy "members see time entries" on time_entries
  for select to authenticated
  using (organization_id = any ((select app.organization_ids('guest'))::bigint[]));

drop policy if exists "people book their own time" on time_entries;
create policy "people book their own time" on time_entries
  for all to authenticated
  using (
    person_id = (select app.user_id())
    and organization_id = any ((select app.organization_ids('member'))::bigint[])
  );
