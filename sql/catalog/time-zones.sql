-- Names that the setting `timezone` accepts.
select name from pg_timezone_names order by name
