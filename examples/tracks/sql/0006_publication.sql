-- What can be followed live. Who sees which change is for the policies, as with every read.
do $$
begin
  -- `aura dev` has made it; another server may not have
  if not exists (select from pg_publication where pubname = 'aura') then
    create publication aura;
  end if;
end
$$;

alter publication aura add table organizations, memberships, people, projects, labels, tasks, task_labels, comments;
