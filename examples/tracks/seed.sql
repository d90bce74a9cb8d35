-- Two organizations at work: about 65,000 rows, the same on every machine and in the same order. Chance is arithmetic on hashes.

create function pg_temp.roll(n bigint, salt text, sides integer) returns integer
language sql immutable
return ('x' || left(md5(salt || n), 7))::bit(28)::integer % sides;

create function pg_temp.pick(n bigint, salt text, choices text[]) returns text
language sql immutable
return choices[1 + pg_temp.roll(n, salt, cardinality(choices))];

-- People are numbered: the first is 00000000-0000-4000-8000-000000000001.
create function pg_temp.person(n bigint) returns uuid
language sql immutable
return ('00000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid;

insert into organizations (id, slug, name, plan, is_listed, settings, created_at) values
  (1, 'lighthouse', 'Lighthouse Studio', 'business', true,
   '{"week_starts": "monday", "working_days": [1, 2, 3, 4, 5], "features": {"sprints": true, "time": true}}', '2025-03-03 08:00+00'),
  (2, 'harbor', 'Harbor Robotics', 'team', false,
   '{"week_starts": "sunday", "working_days": [0, 1, 2, 3, 4], "features": {"sprints": true, "time": false}}', '2025-05-12 08:00+00');

insert into people (id, handle, full_name, title, time_zone, skills, created_at)
select
  pg_temp.person(n),
  lower(first_name) || case when n > 3 then n::text else '' end,
  first_name || ' ' || last_name,
  pg_temp.pick(n, 'title', array['Designer', 'Engineer', 'Product manager', 'Engineer', 'Writer', 'Researcher', 'Tester', 'Engineer']),
  pg_temp.pick(n, 'zone', array['Europe/Lisbon', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Africa/Lagos', 'UTC']),
  array(
    select distinct pg_temp.pick(n, 'skill' || each, array['sql', 'typescript', 'css', 'copy', 'testing', 'research', 'rust', 'data', 'video', 'support'])
    from generate_series(1, 3) as each
    order by 1
  ),
  timestamptz '2025-03-03 09:00+00' + n * interval '31 hours'
from generate_series(1, 96) as n
cross join lateral (
  select
    case n when 1 then 'Mira' when 2 then 'Jonas' when 3 then 'Priya'
      else pg_temp.pick(n, 'first', array['Ada', 'Bo', 'Chidi', 'Dana', 'Elif', 'Femi', 'Greta', 'Hugo', 'Ines', 'Jun', 'Kaya', 'Luca', 'Maya', 'Nils', 'Oona', 'Pablo', 'Quinn', 'Rosa', 'Samir', 'Tara', 'Uma', 'Vera', 'Wei', 'Yara', 'Zane'])
    end as first_name,
    case n when 1 then 'Okafor' when 2 then 'Lindqvist' when 3 then 'Raman'
      else pg_temp.pick(n, 'last', array['Adeyemi', 'Bauer', 'Costa', 'Duarte', 'Eriksen', 'Fontaine', 'Gupta', 'Haddad', 'Ivanova', 'Jansen', 'Kimura', 'Lopez', 'Moreau', 'Novak', 'Olsen', 'Park', 'Quist', 'Rossi', 'Silva', 'Tanaka', 'Ueda', 'Varga', 'Weber', 'Yilmaz'])
    end as last_name
) as name;

insert into preferences (person_id, theme, email_digest, quiet_hours, shortcuts)
select
  pg_temp.person(n),
  pg_temp.pick(n, 'theme', array['system', 'light', 'dark']),
  pg_temp.roll(n, 'digest', 3) > 0,
  case when pg_temp.roll(n, 'quiet', 2) = 0 then int4range(20 + pg_temp.roll(n, 'from', 4), 30 + pg_temp.roll(n, 'to', 4)) end,
  case when pg_temp.roll(n, 'keys', 4) = 0 then '{"new-task": "c", "search": "/"}' else '{}' end::jsonb
from generate_series(1, 80) as n;

-- Mira owns Lighthouse and Jonas works there; Priya owns Harbor. Every twelfth person works for both.
insert into memberships (organization_id, person_id, role, joined_at)
select
  organization.id,
  pg_temp.person(n),
  case
    when n in (1, 3) then 'owner'
    when n = 2 then 'member'
    else pg_temp.pick(n, 'role', array['admin', 'guest', 'member', 'member', 'member', 'member', 'member', 'member'])
  end::member_role,
  organization.created_at + n * interval '31 hours'
from organizations as organization
cross join generate_series(1, 96) as n
where case
  when n in (1, 2) then organization.id = 1
  when n = 3 then organization.id = 2
  when n % 12 = 0 then true
  else organization.id = 1 + (n % 5) / 3
end
order by organization.id, n;

create temporary table team on commit drop as
select organization_id, array_agg(person_id order by person_id) as people, count(*)::integer as size
from memberships
group by organization_id;

insert into labels (id, organization_id, name, color)
select (organization.id - 1) * 10 + label.position, organization.id, label.name, label.color
from organizations as organization
cross join unnest(
  array['bug', 'feature', 'chore', 'design', 'docs', 'security', 'performance', 'customer', 'quick win', 'needs info'],
  array['#dc2626', '#2563eb', '#64748b', '#db2777', '#0f766e', '#7c3aed', '#ea580c', '#ca8a04', '#16a34a', '#475569']
) with ordinality as label (name, color, position);

insert into projects (id, organization_id, lead_id, key, name, description, status, visibility, planned, tags, created_at)
select
  position,
  organization_id,
  team.people[1 + pg_temp.roll(position, 'lead', team.size)],
  key,
  name,
  description,
  case when position % 11 = 0 then 'paused' when position % 7 = 0 then 'finished' when position % 9 = 0 then 'planned' else 'active' end::project_status,
  case when organization_id = 1 and position % 3 = 1 then 'public' else 'private' end::visibility,
  daterange(date '2026-01-05' + (position % 6)::integer * 14, date '2026-06-22' + (position % 5)::integer * 21),
  tags,
  timestamptz '2025-12-01 09:00+00' + position * interval '29 hours'
from (values
  (1, 1, 'WEB', 'Website relaunch', 'A faster site that says what we do.', array['web', 'brand']),
  (2, 1, 'APP', 'Mobile app', 'The tracker in everybody''s pocket, offline too.', array['mobile', 'product']),
  (3, 1, 'API', 'Public API', 'Whatever the app can do, customers can do.', array['platform', 'product']),
  (4, 1, 'BIL', 'Billing', 'Plans, invoices and taxes without surprises.', array['money', 'platform']),
  (5, 1, 'ONB', 'Onboarding', 'From sign-up to the first finished task in ten minutes.', array['growth', 'product']),
  (6, 1, 'SEC', 'Security review', 'Find it before others do.', array['security', 'platform']),
  (7, 1, 'DOC', 'Help centre', 'Answers that people find by themselves.', array['docs', 'support']),
  (8, 1, 'INS', 'Insights', 'Charts that lead to decisions.', array['data', 'product']),
  (9, 1, 'NOT', 'Notifications', 'The right ones, at the right time, and no others.', array['product']),
  (10, 1, 'DSN', 'Design system', 'One button, used everywhere.', array['design', 'web']),
  (11, 1, 'OPS', 'Reliability', 'Sleep through the night.', array['platform']),
  (12, 1, 'SRC', 'Search', 'Found in the first three results.', array['data', 'product']),
  (13, 1, 'PAR', 'Partner programme', 'Others sell what we build.', array['growth']),
  (14, 1, 'HIR', 'Hiring', 'Eight people by summer.', array['people']),
  (15, 2, 'ARM', 'Gripper arm', 'Picks up an egg and a brick.', array['hardware']),
  (16, 2, 'NAV', 'Navigation', 'Through a crowded warehouse without a scratch.', array['software', 'field']),
  (17, 2, 'VIS', 'Vision', 'Tells a box from its shadow.', array['software', 'data']),
  (18, 2, 'BAT', 'Battery', 'A full shift on one charge.', array['hardware', 'energy']),
  (19, 2, 'FLT', 'Fleet control', 'A hundred robots on one screen.', array['software']),
  (20, 2, 'SAF', 'Safety case', 'Certified for work beside people.', array['compliance', 'field']),
  (21, 2, 'PIL', 'Pilot sites', 'Three warehouses, three seasons.', array['field']),
  (22, 2, 'SUP', 'Supply chain', 'Two sources for every part.', array['hardware', 'money'])
) as project (position, organization_id, key, name, description, tags)
join team using (organization_id);

insert into sprints (id, project_id, organization_id, name, goal, period)
select
  (project.id - 1) * 10 + n,
  project.id,
  project.organization_id,
  'Sprint ' || n,
  pg_temp.pick(project.id * 10 + n, 'goal', array['Ship what is in review.', 'Half as many open bugs.', 'A demo that convinces.', 'Pay back old debts.', 'Everything measured.', 'Ready for the first customer.']),
  daterange(date '2026-01-05' + (n - 1) * 14, date '2026-01-05' + n * 14)
from projects as project
cross join generate_series(1, 10) as n
order by project.id, n;

insert into updates (project_id, organization_id, author_id, title, body, health, published_at, created_at)
select
  project.id,
  project.organization_id,
  team.people[1 + pg_temp.roll(n, 'author', team.size)],
  project.name || ': ' || pg_temp.pick(n, 'headline', array['a good fortnight', 'first customers are in', 'what slowed us down', 'a change of plan', 'numbers of the month', 'ready for review', 'thanks to everybody who tested']),
  pg_temp.pick(n, 'first', array['We closed more than we opened.', 'The new version is with ten customers.', 'Two of us were ill, and it shows.', 'The risky part is behind us.'])
    || E'\n\n' || pg_temp.pick(n, 'second', array['Next we look at speed.', 'Next comes the review.', 'The date stands.', 'The date moves by a week.', 'Help is welcome with testing.']),
  pg_temp.pick(n, 'health', array['on_track', 'on_track', 'on_track', 'at_risk', 'off_track'])::health,
  case when pg_temp.roll(n, 'published', 5) > 0 then written_at + interval '3 hours' end,
  written_at
from projects as project
join team using (organization_id)
cross join generate_series(1, 12) as fortnight
cross join lateral (
  select project.id * 100 + fortnight as n, timestamptz '2026-01-16 14:00+00' + fortnight * interval '14 days' as written_at
) as written
order by written_at, project.id;

-- Work gets done in the order it was written down, more or less: `age` is 0 for a project's first task, 1 for its last.
insert into tasks (
  id, project_id, organization_id, number, title, description, status, priority, reporter_id, assignee_id,
  parent_id, sprint_id, estimate, due_on, custom, created_at, updated_at, completed_at
)
select
  id,
  project_id,
  organization_id,
  number,
  pg_temp.pick(id, 'verb', array['Add', 'Fix', 'Rework', 'Test', 'Document', 'Measure', 'Remove', 'Simplify', 'Speed up', 'Translate', 'Review', 'Prepare', 'Repair', 'Plan', 'Try out', 'Clean up'])
    || ' the ' || pg_temp.pick(id, 'thing', array['login form', 'invoice export', 'search index', 'welcome mail', 'settings page', 'image upload', 'activity feed', 'keyboard shortcuts', 'date picker', 'audit log', 'price table', 'error messages', 'offline mode', 'webhook retries', 'import wizard', 'team directory', 'calendar sync', 'backup job', 'rate limits', 'dashboard', 'comment editor', 'release notes', 'status page', 'empty states'])
    || pg_temp.pick(id, 'where', array['', '', '', ' on small screens', ' for new customers', ' before the release', ' in the sandbox', ' after the migration', ' for administrators', ' behind a switch', ' in dark mode', ' with real data']),
  case when pg_temp.roll(id, 'described', 10) < 7 then
    pg_temp.pick(id, 'why', array['Customers ask for this every week.', 'It broke twice this month.', 'Nobody dares to touch it any more.', 'This takes far too long today.', 'We promised it for the spring release.', 'It is the last step before the pilot.', 'Support spends hours on it.'])
      || ' ' || pg_temp.pick(id, 'how', array['Start with the smallest thing that helps.', 'Talk to design first.', 'There is a sketch in the shared folder.', 'Keep the old way working until March.', 'Write the test first.', 'Measure before and after.', 'Ask the person on call for the logs.'])
      || ' ' || pg_temp.pick(id, 'done', array['Done when a new customer gets through without help.', 'Done when the alert stays quiet for a week.', 'Done when it takes less than a second.', 'Done when the checklist is empty.', 'Done when two teams use it.'])
  end,
  status,
  pg_temp.pick(id, 'priority', array['none', 'none', 'low', 'low', 'medium', 'medium', 'medium', 'high', 'high', 'urgent'])::priority,
  people[1 + pg_temp.roll(id, 'reporter', size)],
  case when status <> 'backlog' or pg_temp.roll(id, 'assigned', 4) = 0 then people[1 + pg_temp.roll(id, 'assignee', size)] end,
  case when number > 1 and pg_temp.roll(id, 'part', 7) = 0 then id - 1 - pg_temp.roll(id, 'parent', least(number - 1, 25)) end,
  case when status <> 'backlog' then (project_id - 1) * 10 + 1 + floor(age * 9.99)::integer end,
  (array[1, 1, 2, 2, 3, 3, 5, 8, 13, null])[1 + pg_temp.roll(id, 'estimate', 10)],
  case when pg_temp.roll(id, 'due', 3) = 0 then (created_at + (5 + pg_temp.roll(id, 'days', 40)) * interval '1 day')::date end,
  case pg_temp.roll(id, 'custom', 6)
    when 0 then jsonb_build_object('customer', pg_temp.pick(id, 'customer', array['Northgate', 'Bluebird', 'Ostra', 'Fjord & Co', 'Kestrel']), 'seats', 5 + pg_temp.roll(id, 'seats', 200))
    when 1 then jsonb_build_object('platform', jsonb_build_array('web', pg_temp.pick(id, 'platform', array['ios', 'android'])), 'regression', pg_temp.roll(id, 'regression', 2) = 0)
    else '{}'
  end,
  created_at,
  coalesce(closed_at, created_at + pg_temp.roll(id, 'touched', 72) * interval '1 hour'),
  closed_at
from (
  select
    row_number() over (order by project.id, number) as id,
    project.id as project_id,
    project.organization_id,
    number,
    number / project_size::numeric as age,
    team.people,
    team.size,
    timestamptz '2026-01-05 08:00+00' + (number / project_size::numeric) * interval '140 days' + project.id * interval '7 minutes' as created_at
  from projects as project
  join team using (organization_id)
  cross join lateral (select 300 + pg_temp.roll(project.id, 'size', 500)) as sized (project_size)
  cross join lateral generate_series(1, project_size) as number
) as task
cross join lateral (
  select case
    when age * 100 + pg_temp.roll(id, 'progress', 30) < 78 then case when pg_temp.roll(id, 'canceled', 12) = 0 then 'canceled' else 'done' end
    when age * 100 + pg_temp.roll(id, 'progress', 30) < 84 then 'in_review'
    when age * 100 + pg_temp.roll(id, 'progress', 30) < 92 then 'in_progress'
    when age * 100 + pg_temp.roll(id, 'progress', 30) < 106 then 'todo'
    else 'backlog'
  end::task_status as status
) as board
cross join lateral (
  select case when status in ('done', 'canceled') then created_at + (4 + pg_temp.roll(id, 'took', 400)) * interval '1 hour' end as closed_at
) as closing
order by id;

update projects as project
set last_number = (select max(task.number) from tasks as task where task.project_id = project.id);

insert into task_labels (task_id, label_id)
select distinct
  task.id,
  (task.organization_id - 1) * 10 + 1 + pg_temp.roll(task.id, 'label' || each, 10)
from tasks as task
cross join lateral generate_series(1, pg_temp.roll(task.id, 'labels', 4)) as each
order by 1, 2;

insert into comments (task_id, organization_id, author_id, body, mentions, created_at)
select
  task.id,
  task.organization_id,
  team.people[1 + pg_temp.roll(n, 'author', team.size)],
  pg_temp.pick(n, 'opening', array['I had a look at this.', 'Short update:', 'Good catch!', 'Not so sure about this one.', 'Tried it on my machine.', 'From the customer call:', 'Paired on it this morning.'])
    || ' ' || pg_temp.pick(n, 'middle', array['It only happens with a full cart.', 'The second attempt works.', 'We can ship the first half now.', 'The numbers look better than expected.', 'That needs a word with legal.', 'The screenshot is from yesterday.', 'It is the cache, as always.', 'The test fails without the fix and passes with it.'])
    || pg_temp.pick(n, 'ending', array['', '', ' What do you think?', ' I would wait for the review.', ' Moving it on.', ' More tomorrow.']),
  case when pg_temp.roll(n, 'mention', 6) = 0 then array[team.people[1 + pg_temp.roll(n, 'whom', team.size)]] else '{}' end,
  task.created_at + (each * 9 + pg_temp.roll(n, 'hour', 9)) * interval '1 hour'
from tasks as task
join team using (organization_id)
cross join lateral generate_series(1, pg_temp.roll(task.id, 'comments', 5)) as each
cross join lateral (select task.id * 10 + each as n) as numbered
order by task.id, each;

-- One entry a day and person, on tasks they work on or have finished.
insert into time_entries (task_id, organization_id, person_id, during, note)
select
  task.id,
  task.organization_id,
  task.assignee_id,
  tstzrange(started_at, started_at + (20 + pg_temp.roll(task.id, 'minutes', 160)) * interval '1 minute'),
  case when pg_temp.roll(task.id, 'noted', 3) = 0 then pg_temp.pick(task.id, 'note', array['Reading up', 'Pairing', 'Writing tests', 'Review', 'Call with the customer']) end
from (
  select
    task.*,
    timestamptz '2026-01-05 08:00+00'
      + row_number() over (partition by task.assignee_id order by task.id) * interval '1 day'
      + pg_temp.roll(task.id, 'start', 480) * interval '1 minute' as started_at
  from tasks as task
  where task.status in ('in_progress', 'in_review', 'done')
    and task.assignee_id is not null
) as task
order by started_at;

select
  setval(pg_get_serial_sequence('organizations', 'id'), (select max(id) from organizations)),
  setval(pg_get_serial_sequence('labels', 'id'), (select max(id) from labels)),
  setval(pg_get_serial_sequence('projects', 'id'), (select max(id) from projects)),
  setval(pg_get_serial_sequence('sprints', 'id'), (select max(id) from sprints)),
  setval(pg_get_serial_sequence('tasks', 'id'), (select max(id) from tasks));

drop function pg_temp.roll, pg_temp.pick, pg_temp.person;

analyze;
