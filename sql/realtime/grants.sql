-- Lets the server's login, here `authenticator`, read the log of changes. No role of the API is granted anything.
grant usage on schema realtime to authenticator;
grant execute on function
  realtime.changes_since(pg_snapshot, oid[], oid[]), realtime.removed_up_to(), realtime.captured(oid[])
to authenticator;
