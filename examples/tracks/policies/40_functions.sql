-- What the API offers beyond tables. All but create_organization() run as the caller, under the same policies.
-- SQL bodies resolve their names when they are made, so that they need no search_path and can be inlined.

-- Computed columns: select=title,reference,is_overdue

create or replace function reference(task tasks) returns text
language sql stable
begin atomic
  select project.key || '-' || task.number
  from public.projects as project
  where project.id = task.project_id;
end;
comment on function reference(tasks) is 'How people name the task, such as `WEB-42`.';

create or replace function is_overdue(task tasks) returns boolean
language sql stable
return task.completed_at is null and coalesce(task.due_on < current_date, false);
comment on function is_overdue(tasks) is 'Whether the task is open past its day.';

-- Computed relationships: select=title,latest_comment(body), select=name,progress(tasks,closed)

create or replace function latest_comment(task tasks) returns setof comments
language sql stable rows 1
begin atomic
  select comment.*
  from public.comments as comment
  where comment.task_id = task.id
  order by comment.created_at desc, comment.id desc
  limit 1;
end;
comment on function latest_comment(tasks) is 'The last word on a task.';

create or replace function progress(project projects) returns setof project_progress
language sql stable rows 1
begin atomic
  select progress.*
  from public.project_progress as progress
  where progress.project_id = project.id;
end;
comment on function progress(projects) is 'How far the project has come.';

create or replace function teammates(person people) returns setof people
language sql stable
begin atomic
  select teammate.*
  from public.people as teammate
  where teammate.id <> person.id
    and exists (
      select
      from public.memberships as mine
      join public.memberships as theirs using (organization_id)
      where mine.person_id = person.id
        and theirs.person_id = teammate.id
    );
end;
comment on function teammates(people) is 'Everybody else in the organizations of a person.';

-- Reads: GET /rpc/search_tasks?query=login

create or replace function search_tasks(query text) returns setof tasks
language sql stable
begin atomic
  select task.*
  from public.tasks as task
  where task.search @@ websearch_to_tsquery('english', query)
  order by ts_rank(task.search, websearch_to_tsquery('english', query)) desc, task.id;
end;
comment on function search_tasks(text) is
  'Tasks that speak of something, best first. Understands "quoted phrases", `or` and `-without`.';

create or replace function workload(organization_id bigint)
returns table (person_id uuid, full_name text, open_tasks bigint, points bigint, next_due date)
language sql stable
begin atomic
  select person.id, person.full_name, count(task.id), coalesce(sum(task.estimate), 0), min(task.due_on)
  from public.memberships as membership
  join public.people as person on person.id = membership.person_id
  left join public.tasks as task
    on task.assignee_id = person.id
    and task.organization_id = membership.organization_id
    and task.status in ('todo', 'in_progress', 'in_review')
  where membership.organization_id = workload.organization_id
  group by person.id
  order by count(task.id) desc, person.full_name;
end;
comment on function workload(bigint) is 'How much everybody in an organization has on their plate.';

-- Writes: POST /rpc/move_task {"task_id": 1, "status": "done"}

create or replace function move_task(task_id bigint, status task_status) returns tasks
language plpgsql volatile set search_path = '' as $$
declare
  moved public.tasks;
begin
  update public.tasks as task
  set status = move_task.status
  where task.id = move_task.task_id
  returning task.* into moved;
  if not found then
    raise exception 'There is no task % that you may move', move_task.task_id
      using errcode = 'PT404', hint = 'Members of its organization can; guests cannot.';
  end if;
  return moved;
end;
$$;
comment on function move_task(bigint, task_status) is 'Moves a task to another column of the board.';

-- A definer: nobody is a member yet of an organization that is just being made.
create or replace function create_organization(slug text, name text) returns organizations
language plpgsql volatile security definer set search_path = '' as $$
declare
  made public.organizations;
begin
  if app.user_id() is null then
    raise exception 'Only people who are signed in can make an organization'
      using errcode = 'insufficient_privilege', hint = 'Send a token with a `sub` claim.';
  end if;
  insert into public.organizations (slug, name)
  values (create_organization.slug, create_organization.name)
  returning * into made;
  insert into public.memberships (organization_id, person_id, role)
  values (made.id, app.user_id(), 'owner');
  return made;
end;
$$;
comment on function create_organization(text, text) is 'Makes an organization with the caller as its owner.';

grant execute on function
  reference(tasks), is_overdue(tasks), latest_comment(tasks), progress(projects), teammates(people),
  search_tasks(text), workload(bigint), move_task(bigint, task_status)
to authenticated, service_role;
grant execute on function create_organization(text, text) to authenticated;

revoke all on project_progress from anon, authenticated;
grant select on project_progress to authenticated;
