-- What fills itself in, and how.

-- A project's rows belong to the project's organization. Asked as the caller: a project one cannot see has none.
create function app.take_organization_of_project() returns trigger
language plpgsql set search_path = '' as $$
begin
  select project.organization_id into new.organization_id
  from public.projects as project
  where project.id = new.project_id;
  return new;
end;
$$;

create function app.take_organization_of_task() returns trigger
language plpgsql set search_path = '' as $$
begin
  select task.organization_id into new.organization_id
  from public.tasks as task
  where task.id = new.task_id;
  return new;
end;
$$;

create trigger take_organization before insert on sprints
for each row when (new.organization_id is null) execute function app.take_organization_of_project();

create trigger take_organization before insert on updates
for each row when (new.organization_id is null) execute function app.take_organization_of_project();

-- Triggers fire in the order of their names: the organization first, then the number.
create trigger a_take_organization before insert on tasks
for each row when (new.organization_id is null) execute function app.take_organization_of_project();

create trigger take_organization before insert on comments
for each row when (new.organization_id is null) execute function app.take_organization_of_task();

create trigger take_organization before insert on time_entries
for each row when (new.organization_id is null) execute function app.take_organization_of_task();

-- The counter is not the caller's to write, hence the definer; the project's row lock keeps numbers unique.
create function app.number_task() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  update public.projects as project
  set last_number = project.last_number + 1
  where project.id = new.project_id
    and project.organization_id = new.organization_id
  returning project.last_number into new.number;
  return new;
end;
$$;

create trigger b_number before insert on tasks
for each row when (new.number is null) execute function app.number_task();

create function app.touch_task() returns trigger
language plpgsql set search_path = '' as $$
begin
  new.updated_at := now();
  if new.status is distinct from old.status then
    new.completed_at := case when new.status in ('done', 'canceled') then now() end;
  end if;
  return new;
end;
$$;

create trigger touch before update on tasks
for each row execute function app.touch_task();

create function app.touch_comment() returns trigger
language plpgsql set search_path = '' as $$
begin
  new.edited_at := now();
  return new;
end;
$$;

create trigger touch before update of body on comments
for each row when (new.body is distinct from old.body) execute function app.touch_comment();
