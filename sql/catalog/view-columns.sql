-- Which column of which relation stands behind a view's column, for the views of the exposed schemas ($1) and
-- of the extra search path ($2).
--
-- The rewrite rule tells it for each entry of the target list, but only as a node tree's text. The entries of
-- subqueries, sublinks and common table expressions look the same: they differ by how deep they are nested.
-- `:resorigtbl` occurs in target entries only (inside a name its spaces would be escaped), so we cut the text
-- there and count braces: at depth two, {QUERY {TARGETENTRY, is an entry of the view itself, and these come in
-- the order of the view's columns, before the hidden ones that only sort or group.
with
view as (
  select
    c.oid as id,
    c.relnatts as columns,
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
    view.columns,
    p.ordinality,
    p.piece,
    octet_length(replace(p.piece, '}', '')) - octet_length(replace(p.piece, '{', '')) as rise
  from view, string_to_table(view.tree, ' :resorigtbl ') with ordinality p (piece, ordinality)
),
entry as (
  select
    id,
    columns,
    ordinality,
    piece,
    sum(rise) over (partition by id order by ordinality rows between unbounded preceding and 1 preceding) as depth
  from piece
),
own_entry as (
  select id, columns, piece, row_number() over (partition by id order by ordinality) as position
  from entry
  where depth = 2
)
select
  id as view,
  position,
  split_part(piece, ' ', 1)::oid as relation,
  split_part(piece, ' ', 3)::int as "column"
from own_entry
where position <= columns
  and split_part(piece, ' ', 1) <> '0'
order by id, position
