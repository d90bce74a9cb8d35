-- What reads are compared on: relationships of every cardinality, columns of many types, text that has to be quoted,
-- and policies that show each user other rows.

create type genre as enum ('novel', 'essay', 'poetry', 'crime, true');

create table houses (
  id      int primary key,
  name    text not null,
  motto   text,
  founded date
);
create table people (
  id    int primary key,
  name  text not null,
  born  date,
  email text
);
create table works (
  id        bigint primary key,
  house_id  int references houses,
  editor_id int constraint works_editor_fkey references people,
  sequel_of bigint references works,
  owner     text,
  title     text,
  genre     genre,
  price     numeric,
  sold      bigint,
  weight    float8,
  active    boolean,
  printed   date,
  changed   timestamptz,
  tags      text[],
  scores    int[],
  span      int4range,
  meta      jsonb,
  words     tsvector
);
create table covers (
  work_id         bigint primary key references works,
  artist          text,
  "net.mass (kg)" numeric,
  size            jsonb
);
create table notes (
  id      int primary key,
  work_id bigint not null references works,
  author  text,
  stars   int,
  body    text
);
create table credits (
  work_id   bigint references works,
  person_id int references people,
  role      text,
  share     numeric,
  primary key (work_id, person_id)
);
create view catalogue with (security_invoker) as
  select id, house_id, title, price, printed, tags from works where active is not false;

create function label(works) returns text language sql stable as $$ select $1.title || ' / ' || $1.genre $$;
create function rank(notes) returns int language sql stable as $$ select 6 - $1.stars $$;
create function prequel(works) returns setof works rows 1 language sql stable as
  $$ select * from works where id = $1.sequel_of $$;
create function sequels(works) returns setof works language sql stable as
  $$ select * from works where sequel_of = $1.id $$;

insert into houses values
  (1, 'Harbour & Sons', 'per aspera', '1899-12-31'),
  (2, 'Łódź, "Press"', null, '2001-01-01'),
  (3, 'a*b (c) \ 50%', '', null),
  (4, 'Empty', 'null', '2020-02-29');
insert into people values
  (1, 'Ada', '1815-12-10', 'ada@example.org'),
  (2, 'Bob "the" Builder', null, null),
  (3, 'Çelik, 名前', '1990-05-05', 'c@example.org'),
  (4, 'Dan\iel', '1990-05-05', ''),
  (5, 'Eve', null, 'eve@example.org');
insert into works values
  (1, 1, 1, null, 'ada', 'The Quiet Harbour', 'novel', 19.90, 9007199254740993, 0.5, true, '2001-05-01', '2024-01-02 03:04:05.678+00', '{sea,"a b"}', '{1,2,3}', '[1,5)', '{"n": 1, "s": "x", "a": [1, {"b": "deep"}], "z": null}', to_tsvector('english', 'the quiet harbours of the sea')),
  (2, 1, 2, 1, 'bob', 'The Quiet Harbour', 'novel', 8.5, 0, -1, false, '1999-12-31', '2024-06-01 00:00:00+02', '{}', '{}', 'empty', '{}', to_tsvector('english', 'a second visit to the harbour')),
  (3, 2, null, 1, null, 'Night, "Rain"', 'essay', 8.50, 120, 2.25, true, '2020-02-29', null, '{"x,y","\"","{}"}', '{3,null}', '[5,)', '{"n": 10, "s": "a,b", "a": []}', ''),
  (4, 2, 3, 3, 'ada', 'a_b\c (d)', 'poetry', 0, -5, null, null, null, '2023-12-31 23:59:59+00', null, null, null, null, null),
  (5, 3, null, null, 'bob', '100% Silence', 'crime, true', null, null, 'NaN', true, 'infinity', '2024-01-02 03:04:05.678+00', '{sea}', '{2}', '(,3]', '{"n": 2.5, "s": "", "a": [null, "q"]}', to_tsvector('french', 'les chats amusants')),
  (6, null, 5, 4, null, 'Ünïcode 名前 😀', null, 123456789012345.678900, 1, 'Infinity', false, '2001-05-01', null, '{名前,sea}', '{-1,1}', '[2,2]', '[1, "two", {"n": 3}]', to_tsvector('simple', 'fat cats and rats')),
  (7, null, null, 6, 'ada', '', 'essay', -1, 1, 0.5, true, '2010-10-10', '2000-01-01 00:00:00+00', '{""}', '{1}', '[10,20)', '"text"', ''),
  (8, 1, 1, null, 'bob', null, 'poetry', 25, 2147483648, 4, null, '2001-05-01', null, '{null,sea}', '{1,1}', '[1,5)', '{"n": "1", "s": "X", "k.d": {"e(f)": "g"}}', null),
  (9, 2, 4, 7, null, 'null', 'novel', 25.0, 120, 4, true, '2020-02-29', '2024-02-29 12:00:00+00', '{a,b,c}', '{7,8,9}', '[0,100)', 'null', to_tsvector('english', 'nothing is null'));
insert into covers values
  (1, 'Ada', 0.25, '{"w": 10, "h": 20}'), (2, null, null, null), (3, 'o''Hara', 1.50, '{"w": 10}'), (6, '*', 2, '[]'), (9, 'Ada', null, '{"w": null}');
insert into notes values
  (1, 1, 'ada', 5, 'A quiet read.'), (2, 1, 'bob', 3, null), (3, 1, 'ada', null, 'rainy (very)'), (4, 2, 'ada', 1, '50% off, "really"'),
  (5, 3, 'bob', 4, 'cats and rats'), (6, 3, null, 4, ''), (7, 5, 'bob', 2, 'back\slash'), (8, 6, 'ada', 5, 'Ünïcode'),
  (9, 6, 'bob', 5, 'the quiet sea'), (10, 9, 'ada', 1, 'a.b:c'), (11, 9, null, null, 'null'), (12, 4, 'bob', 2, 'x*y');
insert into credits values
  (1, 1, 'author', 0.5), (1, 2, 'cover', null), (2, 1, 'author', 1), (3, 3, 'author', 1), (3, 4, null, 0), (5, 2, 'author', 1),
  (6, 3, 'translator', 0.25), (6, 5, 'author', 0.75), (8, 1, 'author', null), (9, 5, 'author', 1);

grant select on all tables in schema public to anon, authenticated;
grant execute on all functions in schema public to anon, authenticated;

create function caller() returns text language sql stable as
  $$ select nullif(current_setting('request.jwt.claims', true), '')::json->>'sub' $$;
alter table houses enable row level security;
alter table people enable row level security;
alter table works enable row level security;
alter table covers enable row level security;
alter table notes enable row level security;
alter table credits enable row level security;
create policy every_house on houses using (true);
create policy every_person on people to authenticated using (true);
create policy known_people on people to anon using (email is not null);
create policy own_works on works using (owner is null or owner = caller() or active);
create policy every_cover on covers using (true);
create policy own_notes on notes to authenticated using (author is null or author = caller() or stars > 3);
create policy good_notes on notes to anon using (stars > 1);
create policy every_credit on credits to authenticated using (true);
create policy authors on credits to anon using (role = 'author');
