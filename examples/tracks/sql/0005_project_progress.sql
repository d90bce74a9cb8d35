-- With security_invoker a view shows to each caller only what the policies of its tables let them see.

create view project_progress with (security_invoker = true) as
select
  project.id as project_id,
  project.organization_id,
  count(task.id) as tasks,
  count(task.id) filter (where task.status in ('done', 'canceled')) as closed,
  count(task.id) filter (where task.completed_at is null and task.due_on < current_date) as overdue,
  coalesce(sum(task.estimate), 0) as points,
  coalesce(sum(task.estimate) filter (where task.status = 'done'), 0) as points_done,
  max(task.updated_at) as last_change
from projects as project
left join tasks as task on task.project_id = project.id
group by project.id;

comment on view project_progress is 'How far each project has come.';
comment on column project_progress.project_id is 'The project.';
comment on column project_progress.organization_id is 'To whom the project belongs.';
comment on column project_progress.tasks is 'How many tasks there are.';
comment on column project_progress.closed is 'How many of them are done or canceled.';
comment on column project_progress.overdue is 'How many are open past their day.';
comment on column project_progress.points is 'The size of all tasks.';
comment on column project_progress.points_done is 'The size of those that are done.';
comment on column project_progress.last_change is 'When a task last changed.';
