-- A bookshop. Schema shop is served first, then "tiefe Ablage" (a name with a space and an accent's neighbour) and
-- archive; internal is not served. Everything in them is granted: these tests are about the protocol, not about rights.

create schema shop;
create schema archive;
create schema "tiefe Ablage ö";
create schema internal;

create type internal.genre as enum ('novel', 'essay', 'poetry', 'crime, true');
create domain internal.isbn as text check (value ~ '^[0-9-]+$');
create domain internal.int_list as int[];

-- relationships ------------------------------------------------------------------------------------------------

create table shop.publishers (
  id int primary key,
  name text not null,
  city text,
  parent_id int references shop.publishers
);
insert into shop.publishers values
  (1, 'Nordwind', 'Oslo', null),
  (2, 'Südhang', 'Graz', 1),
  (3, 'Quay "7"', null, 1),
  (4, 'Leer', 'Oslo', null);

create table shop.authors (
  id int primary key,
  name text not null,
  born date,
  country text
);
insert into shop.authors values
  (1, 'Ida Berg', '1950-02-03', 'NO'),
  (2, 'Émile Roux', '1961-11-30', 'FR'),
  (3, 'O''Neil, Pat', '1975-07-07', 'IE'),
  (4, '名前', null, 'JP');

-- one-to-one: the key is the foreign key
create table shop.author_profiles (
  author_id int primary key references shop.authors,
  bio text,
  website text
);
insert into shop.author_profiles values (1, 'Lives by the sea.', 'https://berg.example'), (2, null, 'https://roux.example');

create table shop.books (
  id int primary key,
  title text not null,
  isbn internal.isbn unique,
  publisher_id int references shop.publishers,
  editor_id int references shop.authors,
  translator_id int references shop.authors,
  price numeric(10, 2),
  pages int,
  published date,
  tags text[] not null default '{}',
  attributes jsonb,
  genre internal.genre,
  in_print boolean,
  rating double precision,
  stock_range int4range,
  about tsvector generated always as (to_tsvector('english', title)) stored
);
insert into shop.books (id, title, isbn, publisher_id, editor_id, translator_id, price, pages, published, tags, attributes, genre, in_print, rating, stock_range) values
  (1, 'The Quiet Harbour', '1-11', 1, 1, 2, 19.90, 320, '2001-05-01', '{sea,quiet}', '{"size": {"w": 12, "h": 19}, "langs": ["en", "no"], "cover": "hard"}', 'novel', true, 4.5, '[1,10)'),
  (2, 'Harbours and Ships', '1-12', 1, 2, null, 25.00, 210, '2010-01-15', '{sea,ships}', '{"size": {"w": 20, "h": 30}, "langs": ["en"], "cover": "soft"}', 'essay', false, 3.75, '[10,20)'),
  (3, 'Night, "Rain"', '2-21', 2, 3, 1, 8.50, 96, '1999-12-31', '{}', '{"langs": []}', 'poetry', true, null, '[5,15)'),
  (4, '100% Silence', '2-22', 2, null, null, null, null, null, '{quiet,"a,b"}', null, 'crime, true', null, 4.5, null),
  (5, 'a_b\c', null, 3, 1, 3, 12.00, 210, '2020-02-29', '{"with space"}', '{"size": {"w": 12}, "note": null}', 'novel', false, 2.25, 'empty'),
  (6, 'Ünïcode 名前 😀', '3-31', null, 4, 4, 0.00, 1, '2021-06-15', '{ü,名}', '[1, {"deep": [true]}]', 'novel', true, -1, '[,)');

-- many-to-many through a junction
create table shop.book_authors (
  book_id int references shop.books,
  author_id int references shop.authors,
  position int not null,
  primary key (book_id, author_id)
);
insert into shop.book_authors values (1, 1, 1), (1, 3, 2), (2, 1, 1), (3, 2, 1), (5, 3, 1);

-- one-to-many
create table shop.reviews (
  id int primary key,
  book_id int not null references shop.books,
  stars int not null,
  body text,
  reviewer text
);
insert into shop.reviews values
  (1, 1, 5, 'Calm.', 'ann'),
  (2, 1, 3, null, 'bob'),
  (3, 2, 4, 'Ships!', 'ann'),
  (4, 5, 1, 'No.', null),
  (5, 1, 4, 'Again.', 'cyd');

-- a key of two columns
create table shop.editions (
  book_id int references shop.books,
  number int,
  format text not null,
  primary key (book_id, number)
);
insert into shop.editions values (1, 1, 'cloth'), (1, 2, 'paper'), (2, 1, 'paper');
create table shop.copies (
  id int primary key,
  book_id int not null,
  edition int not null,
  condition text,
  foreign key (book_id, edition) references shop.editions (book_id, number)
);
insert into shop.copies values (1, 1, 1, 'new'), (2, 1, 2, 'worn'), (3, 1, 2, 'new'), (4, 2, 1, 'new');

create view shop.book_list as
  select b.id, b.title, b.publisher_id, b.price from shop.books b where b.in_print is not false;
create materialized view shop.price_list as select id, title, price from shop.books;

create function shop.label(shop.books) returns text language sql stable as $$ select $1.title || ' #' || $1.id $$;
create function shop.best_review(shop.books) returns setof shop.reviews rows 1 language sql stable as
  $$ select * from shop.reviews where book_id = $1.id order by stars desc limit 1 $$;
create function shop.cheap_books(shop.publishers) returns setof shop.books language sql stable as
  $$ select * from shop.books where publisher_id = $1.id and price < 20 $$;

-- names ---------------------------------------------------------------------------------------------------------

create table shop."Bücher & ""Regale""" (
  "Regal Nr." int primary key,
  "größe, cm" numeric,
  "select" text,
  "a""b" text,
  "with.dot" text,
  "book id" int references shop.books
);
insert into shop."Bücher & ""Regale""" values (1, 10.5, 'one', 'q', 'd', 1), (2, null, 'two', null, null, null);
-- names that SQL made by a program may want for itself
create table shop.payload (id int primary key, item text, data text, pgrst_body text default 'b');
insert into shop.payload values (1, 'i', 'd'), (2, 'j', 'e');
create table shop.filled (id int primary key, elem text, data text default 'filled');
insert into shop.filled values (1, 'x', 'y');
create table shop.junction (id int primary key, label text);
create table shop.pgrst_source (id int primary key, label text);
create table shop.junction_sources (
  junction int references shop.junction, source int references shop.pgrst_source, primary key (junction, source)
);
insert into shop.junction values (1, 'j1'), (2, 'j2');
insert into shop.pgrst_source values (1, 's1'), (2, 's2');
insert into shop.junction_sources values (1, 1), (1, 2), (2, 2);
create table "tiefe Ablage ö"."naïve Tabelle" (id int primary key, "wert €" text);
insert into "tiefe Ablage ö"."naïve Tabelle" values (1, 'ß');
create table archive.books (id int primary key, title text, archived_at date);
insert into archive.books values (1, 'Old Harbour', '1980-01-01');
create table internal.secrets (id int primary key, secret text);

-- types ---------------------------------------------------------------------------------------------------------

create table shop.traps (
  id int primary key,
  big bigint,
  num numeric,
  code char(5),
  bits bit(4),
  varbits bit varying(8),
  short varchar(3),
  list internal.int_list,
  genre internal.genre,
  genres internal.genre[],
  ts timestamp,
  tstz timestamptz,
  day date,
  tod time,
  span int4range,
  spans int4multirange,
  stretch interval,
  bytes bytea,
  address inet,
  tree xml,
  document json,
  document_b jsonb,
  single real,
  double double precision,
  uid uuid,
  matrix int[][],
  point point
);
insert into shop.traps values (
  1, 9223372036854775807, 12345678901234567890.123456789012345678901234567890, 'ab', '1010', '10101', 'äöü', '{1,2,3}', 'poetry',
  '{novel,"crime, true"}', '2024-02-29 12:34:56.789012', '2024-02-29 12:34:56.789012+00', '2024-02-29', '23:59:59.999999',
  '[1,5)', '{[1,3),[5,7)}', '1 year 2 mons 3 days 04:05:06.789', '\xdeadbeef', '192.168.0.1/24', '<a b="c">d</a>',
  '{"b":1, "a":1.0, "b":2}', '{"b": 1, "a": 1.0}', 1.1, 0.1, '123e4567-e89b-12d3-a456-426614174000', '{{1,2},{3,4}}', '(1,2)'
);
insert into shop.traps (id) values (2);
insert into shop.traps (id, big, num, single, double, ts, tstz, day) values
  (3, -9223372036854775808, 'NaN', 'Infinity', '-Infinity', 'infinity', '-infinity', 'infinity');

-- writes --------------------------------------------------------------------------------------------------------

create table shop.notes (
  id int generated by default as identity primary key,
  title text not null default 'untitled',
  body text,
  amount int not null default 7,
  price numeric(6, 2),
  genre internal.genre default 'essay',
  tags text[],
  extra jsonb,
  length int generated always as (length(title)) stored,
  constraint amount_positive check (amount > 0)
);
create table shop.parts (
  kind text,
  number int,
  label text,
  quantity int not null default 1,
  primary key (kind, number),
  constraint parts_label unique (label)
);
create table shop.log (entry text, at_step int);
create table shop.always (id int generated always as identity primary key, label text);
create table shop.child (id int primary key, part_kind text, part_number int, foreign key (part_kind, part_number) references shop.parts);

do $$
begin
  execute 'create table shop.wide (id int primary key, ' ||
    (select string_agg(format('c%s text default %L', n, 'd' || n), ', ') from generate_series(1, 149) n) || ')';
end $$;

-- rows to count and to page through
create table shop.numbers (n int primary key, word text);
insert into shop.numbers select n, 'w' || n % 7 from generate_series(1, 100) n;
analyze shop.numbers;

-- functions -----------------------------------------------------------------------------------------------------

create function shop.add(a int, b int default 10) returns int language sql immutable as $$ select a + b $$;
create function shop.join_words(separator text, variadic words text[]) returns text language sql immutable as
  $$ select array_to_string(words, separator) $$;
create function shop.describe(id int) returns text language sql stable as $$ select 'id ' || id $$;
create function shop.describe(title text) returns text language sql stable as $$ select 'title ' || title $$;
create function shop.same(a int) returns text language sql stable as $$ select 'int' $$;
create function shop.same(a text) returns text language sql stable as $$ select 'text' $$;
create function shop.echo_json(json) returns json language sql immutable as $$ select $1 $$;
create function shop.echo_text(text) returns text language sql immutable as $$ select $1 $$;
create function shop.echo_xml(xml) returns xml language sql immutable as $$ select $1 $$;
create function shop.byte_count(bytea) returns int language sql immutable as $$ select length($1) $$;
create function shop.byte_hex(bytea) returns text language sql immutable as $$ select encode($1, 'hex') $$;
create function shop.overloaded(json) returns text language sql immutable as $$ select 'unnamed' $$;
create function shop.overloaded(a int) returns text language sql immutable as $$ select 'named' $$;
create function shop.write_entry(entry text) returns void language sql volatile as
  $$ insert into shop.log values (entry, 1) $$;
create function shop.write_and_count(entry text) returns bigint language sql volatile as
  $$ insert into shop.log values (entry, 2); select count(*) from shop.log where log.entry = write_and_count.entry $$;
create function shop.sneaky_write() returns int language plpgsql stable as
  $$ begin insert into shop.log values ('sneaky', 3); return 1; end $$;
create function shop.books_of(author int) returns setof shop.books language sql stable as
  $$ select b.* from shop.books b join shop.book_authors a on a.book_id = b.id where a.author_id = author order by b.id $$;
create function shop.one_book(id int) returns shop.books language sql stable as $$ select * from shop.books b where b.id = one_book.id $$;
create function shop.titles() returns setof text language sql stable as $$ select title from shop.books order by id limit 3 $$;
create function shop.table_out() returns table (a int, b text) language sql stable as $$ values (1, 'x'), (2, null) $$;
create function shop.record_out(out a int, out b text) language sql stable as $$ select 1, 'x' $$;
create function shop.no_row() returns shop.books language sql stable as $$ select * from shop.books where false $$;
create function shop.null_scalar() returns int language sql stable as $$ select null::int $$;
create function shop.array_out(list int[] default '{1,2}') returns int[] language sql immutable as $$ select list $$;
create function shop.args(i int default null, t text default null, b boolean default null, j json default null, jb jsonb default null,
  d date default null, l text[] default null, n numeric default null, g internal.genre default null)
  returns json language sql immutable as
  $$ select json_strip_nulls(json_build_object('i', i, 't', t, 'b', b, 'j', j, 'jb', jb, 'd', d, 'l', l, 'n', n::text, 'g', g)) $$;
create function shop."Größe von"("der Text" text) returns int language sql immutable as $$ select length("der Text") $$;
create function shop.delete_notes(above int) returns setof shop.notes language sql volatile as
  $$ delete from shop.notes where amount > above returning * $$;
create function shop.request_context() returns json language sql stable as $$
  select json_build_object('method', current_setting('request.method', true), 'path', current_setting('request.path', true),
    'headers', current_setting('request.headers', true)::json, 'cookies', current_setting('request.cookies', true)::json,
    'claims', current_setting('request.jwt.claims', true)::json, 'role', current_user,
    'search_path', current_setting('search_path'), 'timezone', current_setting('timezone'),
    'read_only', current_setting('transaction_read_only'))
$$;

create function shop.set_answer(headers text default null, status text default null) returns text language plpgsql stable as $$
begin
  perform set_config('response.headers', coalesce(headers, ''), true), set_config('response.status', coalesce(status, ''), true);
  return 'done';
end $$;
create function shop.fail(code text, message text default 'failed', detail text default null, hint text default null)
  returns void language plpgsql volatile as $$
begin
  if detail is null and hint is null then raise exception using errcode = code, message = message;
  elsif hint is null then raise exception using errcode = code, message = message, detail = detail;
  else raise exception using errcode = code, message = message, detail = detail, hint = hint;
  end if;
end $$;
create function shop.nap(seconds double precision) returns void language sql volatile as $$ select pg_sleep(seconds) $$;

-- media types ---------------------------------------------------------------------------------------------------

create domain shop."text/html" as text;
create domain shop."application/vnd.shop.titles" as text;
create domain shop."image/x-dot" as bytea;
create domain shop."text/plain" as text;
create domain shop."*/*" as bytea;
create function shop.page(who text default 'you') returns shop."text/html" language sql stable as $$ select '<p>' || who || '</p>' $$;
create function shop.dot() returns shop."image/x-dot" language sql immutable as $$ select '\x00ff10'::bytea $$;
create function shop.greeting() returns shop."text/plain" language sql immutable as $$ select 'grüß dich' $$;
create function shop.any_bytes() returns shop."*/*" language plpgsql stable as $$
begin
  perform set_config('response.headers', '[{"Content-Type": "application/x-chosen"}]', true);
  return '\x0102'::bytea;
end $$;
create function shop.append_title(state shop."application/vnd.shop.titles", book shop.books)
  returns shop."application/vnd.shop.titles" language sql immutable as $$ select coalesce(state || '|', '') || book.title $$;
create aggregate shop.titles_of(shop.books) (sfunc = shop.append_title, stype = shop."application/vnd.shop.titles");

create table shop.csv_rows (id int primary key, "a,b" text, "q""t" text, plain text);
insert into shop.csv_rows values
  (1, 'a,b', 'say "hi"', 'plain'), (2, E'two\nlines', E'cr\r\nlf', E'tab\there'), (3, 'back\slash', null, ''),
  (4, '(parens)', ' spaces ', 'NULL'), (5, 'ünï', '"', '\"');

comment on schema shop is 'A bookshop.';
comment on table shop.books is 'Books for sale.';

do $$
declare
  name text;
begin
  foreach name in array array['shop', 'archive', 'tiefe Ablage ö'] loop
    execute format('grant usage on schema %I to anon, authenticated', name);
    execute format('grant all on all tables in schema %I to anon, authenticated', name);
    execute format('grant all on all sequences in schema %I to anon, authenticated', name);
  end loop;
end $$;
grant usage on schema internal to anon, authenticated;
