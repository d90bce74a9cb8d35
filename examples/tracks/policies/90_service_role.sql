-- The role of trusted back ends: it bypasses policies, but still needs grants.
grant select, insert, update, delete on all tables in schema public to service_role;
grant execute on function app.organization_ids(member_role), app.teammate_ids() to service_role;
