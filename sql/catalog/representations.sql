-- Implicit casts by a function the server may call, between a domain and json or text.
select
  k.castsource::regtype as source,
  k.casttarget::regtype as target,
  k.castfunc::regproc as function
from pg_cast k
join pg_type s on s.oid = k.castsource
join pg_type t on t.oid = k.casttarget
where k.castcontext = 'i'
  and k.castmethod = 'f'
  and has_function_privilege(k.castfunc, 'execute')
  and (
    s.typtype = 'd' and t.oid in ('json'::regtype, 'text'::regtype)
    or t.typtype = 'd' and s.oid in ('json'::regtype, 'text'::regtype)
  )
order by s.typname, t.typname, k.oid
