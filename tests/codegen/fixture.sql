-- A shop with what is hard to print: names that no language takes, types within types, overloads, views.
create schema shop;
comment on schema shop is 'What the shop shows. */ /* "quoted" \ and two
lines';
create schema hidden;

create type shop.color as enum ('red', 'sky blue', 'it''s "odd" \');
comment on type shop.color is 'Colours */ of things';
create type hidden.stage as enum ('draft', 'live');
create type shop."2D point" as (x double precision, "y y" double precision, tint shop.color);
create type hidden.inner_type as (a int, b text[]);
create domain shop.email as text check (value ~ '^[^@ ]+@[^@ ]+$') check (length(value) <= 100);
comment on domain shop.email is 'An address';
create domain shop.work_email as shop.email check (length(value) >= 8);
create domain shop.rating as smallint not null check (value between 1 and 5);

create table shop.customers (
  id bigint generated always as identity primary key,
  email shop.email unique,
  work shop.work_email not null,
  kind text not null default 'person' check (kind in ('person', 'company')),
  code char(4),
  level int check (level in (1, 2, 3)),
  stage hidden.stage not null default 'draft',
  tint shop.color,
  tints shop.color[] not null default '{}',
  place shop."2D point",
  places shop."2D point"[],
  internal hidden.inner_type,
  label text generated always as (kind || '!') stored,
  discount numeric(5, 2) check (discount > 0 and discount < 100),
  settings jsonb not null default '{}',
  address jsonb,
  anything json,
  list jsonb check (jsonb_typeof(list) = 'array'),
  nothing_known point,
  during tstzrange,
  "class" text,
  "a b" text,
  "9 lives" int,
  "quo""te" text,
  born date not null
);
alter table shop.customers enable row level security;
comment on table shop.customers is 'Who buys.

@aura(waive-rls: "a test (of course)")';
comment on column shop.customers.settings is
  'Preferences. @aura(type: "{ theme?: ''dark'' | ''light''; sizes: number[]; more: Record<string, boolean | null> }")';
comment on column shop.customers.address is 'Where they live';

-- what the extension pg_jsonschema brings; it holds everything to be right here
create function hidden.jsonb_matches_schema(schema json, instance jsonb) returns boolean language sql immutable
  as $$ select true $$;
alter table shop.customers add check (hidden.jsonb_matches_schema(
  '{"type": "object", "required": ["city", "it''s"], "additionalProperties": false,
    "properties": {"city": {"type": "string"}, "zip": {"type": ["string", "null"]}, "kind": {"enum": ["home", 1, null]},
      "it''s": {"$ref": "#/$defs/part"}}, "$defs": {"part": {"type": "object", "properties": {"parts": {"type": "array",
      "items": {"$ref": "#/$defs/part"}}, "no": {"type": "integer"}}}}}', address));

create table shop.orders (
  id uuid primary key default gen_random_uuid(),
  customer_id bigint not null references shop.customers,
  payer_id bigint references shop.customers,
  rating shop.rating,
  paid boolean not null default false
);
create table shop.invoices (order_id uuid primary key references shop.orders, total numeric not null);
create table shop.products (sku text primary key, name varchar(40) not null);
create table shop.lines (
  order_id uuid references shop.orders,
  sku text references shop.products,
  amount int not null,
  primary key (order_id, sku)
);
create table shop.nodes (id int primary key, parent_id int references shop.nodes);
create table shop.empty ();

create view shop.open_orders with (security_invoker) as
  select o.id, o.customer_id, c.email, c.born, count(l.sku) as lines
  from shop.orders o
  join shop.customers c on c.id = o.customer_id
  left join shop.lines l on l.order_id = o.id
  where not o.paid
  group by o.id, c.email, c.born;
create view shop.plain_products as select sku, name from shop.products;
create view shop.all_lines as
  select p.name, l.amount from shop.products p left join shop.lines l using (sku);

create function shop.full_label(customer shop.customers) returns text language sql stable as $$ select customer.kind $$;
create function shop.latest_order(shop.customers) returns setof shop.orders rows 1 language sql stable
  as $$ select * from shop.orders where customer_id = $1.id limit 1 $$;
create function shop.related(customer shop.customers) returns setof shop.customers language sql stable
  as $$ select * from shop.customers $$;
create function shop.price(sku text) returns numeric language sql stable as $$ select 1.0 $$;
create function shop.price(sku text, amount int, day date default current_date) returns numeric language sql stable
  as $$ select 1.0 $$;
comment on function shop.price(text) is 'Of one';
comment on function shop.price(text, int, date) is 'Of many';
create function shop.totals(since date) returns table (day date, "total sum" numeric) language sql stable
  as $$ select current_date, 1.0 $$;
create function shop.ping() returns void language sql as $$ $$;
create function shop.emails() returns setof shop.email language sql stable as $$ select null::shop.email $$;
create function shop.save(json) returns json language sql as $$ select $1 $$;
create function shop.import(variadic skus text[]) returns int language sql as $$ select 1 $$;
create function shop.one_order() returns shop.orders language sql as $$ select null::shop.orders $$;
