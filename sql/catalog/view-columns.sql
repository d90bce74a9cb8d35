-- What stands behind the columns of views, for the views of the exposed schemas ($1) and of the extra search path
-- ($2): the relation and column right behind each (null where it is an expression), and whether it can be null.
-- `nulls`: `n` = no row has one here; `b` = as in the column right behind, which is a view's again; `p` = possible.
--
-- The rewrite rule tells it, but only as a node tree's text. The entries of subqueries, sublinks and common table
-- expressions look the same: they differ by how deep they are nested. The names of nodes, with the space behind
-- them, occur as such only (inside a user's name a space would be escaped), so we cut the text there and count
-- braces: at depth two, {QUERY {TARGETENTRY, is an entry of the view itself, and these come in the order of the
-- view's columns, before the hidden ones that only sort or group. In the same way {QUERY {RANGETBLENTRY gives what
-- the view reads, in the order in which variables number it.
--
-- Of nulls we claim only what is certain. A column has none if it is nothing but a variable of a table whose column
-- is NOT NULL, and no outer join or grouping set adds nulls: from PostgreSQL 16 on the variable lists those that do
-- (`varnullingrels`); in 15, and for grouping sets up to 17, any in the tree rules it out. From 18 on a grouped
-- query has variables of its grouping expressions in between. NOT NULL counts where the planner relies on it: it is
-- validated, and does not leave out children that inherit the table. Rows of a materialized view may be older than
-- the constraint, and what triggers and rules of a view return instead of its rows is theirs to say.
with
view as materialized (
  select
    c.oid as id,
    c.relnatts as columns,
    c.relkind = 'v'
      and not c.relhastriggers
      and not exists (select from pg_rewrite o where o.ev_class = c.oid and o.ev_type <> '1') as is_plain,
    -- Braces in names are escaped. Escaped backslashes go first, or the second half of one would seem to escape
    -- the brace that follows it. Most trees have neither, and to look for one character is much faster.
    case strpos(r.ev_action::text, '\')
      when 0 then r.ev_action::text
      else replace(replace(replace(r.ev_action::text, '\\', ''), '\{', ''), '\}', '')
    end as tree
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_rewrite r on r.ev_class = c.oid and r.ev_type = '1'
  where c.relkind in ('v', 'm')
    and n.nspname = any ($1::text[] || $2::text[])
),
piece as (
  select
    view.id,
    part.of,
    part.ordinality,
    part.text,
    octet_length(replace(part.text, '}', '')) - octet_length(replace(part.text, '{', '')) as rise
  from view
  cross join lateral (
    select 'target' as of, t.ordinality, t.text
    from string_to_table(view.tree, 'TARGETENTRY :expr ') with ordinality t (text, ordinality)
    union all
    select 'source', t.ordinality, t.text
    from string_to_table(view.tree, 'RANGETBLENTRY ') with ordinality t (text, ordinality)
  ) part
),
nested as (
  select
    id,
    of,
    ordinality,
    text,
    sum(rise) over (partition by id, of order by ordinality rows between unbounded preceding and 1 preceding) as depth
  from piece
),
own as materialized (
  select id, of, text, row_number() over (partition by id, of order by ordinality) as position
  from nested
  where depth = 2
),
source as materialized (
  select
    id,
    position::int as number,
    split_part(split_part(text, ' :rtekind 0 :relid ', 2), ' ', 1) as relation,
    -- grouping expressions of which each is a variable
    substring(text from ' :groupexprs \(((?:\{VAR [^{}]*\} ?)+)\) ') as groups
  from own
  where of = 'source'
),
-- fields: {VAR :varno 1 :varattno 2 :vartype 23 :vartypmod -1 :varcollid 0 :varnullingrels (b) :varlevelsup 0 ...
variable as (
  select
    own.id,
    own.position,
    split_part(own.text, ' ', 3)::int as number,
    split_part(own.text, ' ', 5)::int as attribute,
    case split_part(own.text, ' ', 12)
      when ':varnullingrels' then split_part(own.text, ' ', 13) = '(b)'
      else view.tree not like all (array['%:jointype 1 %', '%:jointype 2 %', '%:jointype 3 %'])
    end
      and view.is_plain
      and strpos(view.tree, ':groupingSets (') = 0 as keeps,
    nullif(split_part(split_part(own.text, ' :resorigtbl ', 2), ' ', 1), '0')::oid as relation,
    split_part(split_part(own.text, ' :resorigcol ', 2), ' ', 1)::int as "column"
  from own
  join view using (id)
  where own.of = 'target'
    and own.position <= view.columns
    and own.text like '{VAR %'
),
-- one step through a grouping expression
base as (
  select
    v.id,
    v.position,
    v.relation,
    v."column",
    case
      when s.groups is null then v.keeps and s.relation <> '' and v.attribute = v."column"
      else v.keeps and split_part(g.text, ' ', 13) = '(b)' and split_part(g.text, ' ', 5)::int = v."column"
    end as keeps,
    case when s.groups is null then s.relation else b.relation end as source
  from variable v
  join source s using (id, number)
  left join lateral (select '{VAR ' || split_part(s.groups, '{VAR ', v.attribute + 1) as text) g on s.groups is not null
  left join source b on b.id = v.id and b.number = split_part(g.text, ' ', 3)::int
  where v.relation is not null
)
select
  base.id as view,
  base.position,
  base.relation,
  base."column",
  case
    when not coalesce(base.keeps and base.source = base.relation::text, false) then 'p'
    when c.relkind = 'v' then 'b'
    when c.relkind in ('r', 'p')
      and a.attnotnull
      and (c.relkind = 'p' or not c.relhassubclass)
      and not exists (
        select from pg_constraint k
        where k.conrelid = c.oid and k.contype = 'n' and not k.convalidated and a.attnum = any (k.conkey)
      ) then 'n'
    else 'p'
  end as nulls
from base
left join pg_class c on c.oid = base.relation
left join pg_attribute a on a.attrelid = base.relation and a.attnum = base."column"
union all
-- count(*), count(x), and constants
select own.id, own.position, null, null, 'n'
from own
join view using (id)
where own.of = 'target'
  and own.position <= view.columns
  and view.is_plain
  and (
    own.text like '{AGGREF :aggfnoid 2803 %'
    or own.text like '{AGGREF :aggfnoid 2147 %'
    or own.text ~ '^\{CONST [^{}]* :constisnull false '
  )
order by 1, 2
