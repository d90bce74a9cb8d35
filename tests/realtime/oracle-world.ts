/**
 * A world that is made of a number: tables, policies, people, what they ask and what writers do. Whatever it is, a
 * follower must have what a plain read answers.
 */
import pg from 'pg';

export interface Random {
  /** A whole number from 0 to below `most`. */
  readonly below: (most: number) => number;
  readonly pick: <T>(items: readonly T[]) => T;
  readonly chance: (of: number) => boolean;
}

/** Numbers that are the same in every run (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (most: number): number => Math.floor(next() * most);
  return {
    below,
    pick: (items) => items[below(items.length)] as (typeof items)[number],
    chance: (of) => below(of) === 0,
  };
}

const PEOPLE = ['ada', 'ben', 'cid'] as const;

interface Table {
  readonly name: string;
  readonly key: readonly string[];
}

/** Tables of one world. `child` belongs to `parent`. */
const TABLES: readonly Table[] = [
  { name: 'parent', key: ['id'] },
  { name: 'child', key: ['id'] },
  { name: 'pair', key: ['a', 'b'] },
];

const SUB = `nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub'`;

const conditionFor = (random: Random, table: string): string =>
  random.pick([
    'true',
    `owner = ${SUB}`,
    `n % 3 <> ${random.below(3)}`,
    `owner is distinct from 'cid' and n < ${20 + random.below(60)}`,
    `exists (select from member where member.grp = ${table}.grp and who = ${SUB})`,
    `grp in (select grp from member where who = ${SUB})`,
    `exists (select from ${table} other where other.grp = ${table}.grp and other.n = 7)`,
  ]);

// a table whose policy reads the table itself asks for that policy again, without end
const policyFor = (random: Random, table: string): string => {
  for (;;) {
    const condition = conditionFor(random, table);
    if (!condition.includes('other.grp')) return condition;
  }
};

/** Another policy for one of the tables. */
export function changePolicy(random: Random): string {
  const { name } = random.pick(TABLES);
  const which = random.pick(['one', 'two']);
  return random.chance(3)
    ? `drop policy if exists two on ${name}`
    : `drop policy if exists ${which} on ${name};
       create policy ${which} on ${name} for select using (${policyFor(random, name)})`;
}

/** The schema, with what capture needs installed already. */
export function schemaOf(random: Random): string {
  const policies = TABLES.flatMap(({ name }) => {
    if (random.chance(4)) return [];
    const restrictive = random.chance(4)
      ? [`create policy less on ${name} as restrictive for select using (n <> ${random.below(10)});`]
      : [];
    return [
      `alter table ${name} enable row level security;`,
      `create policy one on ${name} for select to ${random.pick(['public', 'authenticated, anon'])} using (${policyFor(random, name)});`,
      ...(random.chance(2)
        ? [`create policy two on ${name} for select using (${policyFor(random, name)});`]
        : []),
      ...restrictive,
    ];
  });
  const full = TABLES.filter(() => random.chance(4)).map(
    ({ name }) => `alter table ${name} replica identity full;`,
  );
  return `
    create table member (grp int, who text, primary key (grp, who));
    create table parent (id int primary key, owner text, grp int, n int, title text);
    create table child (
      id bigint primary key, parent_id int references parent on delete cascade on update cascade,
      owner text, grp int, n int, title text
    );
    create table pair (a int, b text, owner text, grp int, n int, title text, primary key (a, b))
      ${random.chance(2) ? 'partition by hash (a)' : ''};
    do $$ begin
      if (select relkind from pg_class where oid = 'pair'::regclass) = 'p' then
        create table pair_0 partition of pair for values with (modulus 2, remainder 0);
        create table pair_1 partition of pair for values with (modulus 2, remainder 1);
      end if;
    end $$;
    alter publication aura add table member, parent, child, pair;
    ${policies.join('\n')}
    ${full.join('\n')}
    grant all on all tables in schema public to anon, authenticated, service_role;
    insert into member select n % 5, (array['ada', 'ben', 'cid'])[1 + n % 3] from generate_series(1, 6) n
      on conflict do nothing;
    insert into parent select n, (array['ada', 'ben', 'cid'])[1 + n % 3], n % 5, n, 'p' || n from generate_series(1, 12) n;
    insert into child select n, 1 + n % 12, (array['ada', 'ben', 'cid'])[1 + n % 3], n % 5, n, 'c' || n
      from generate_series(1, 20) n;
    insert into pair select n % 4, 'b' || n, (array['ada', 'ben', 'cid'])[1 + n % 3], n % 5, n, 't' || n
      from generate_series(1, 12) n;
  `;
}

export interface Asked {
  readonly path: string;
  readonly as: string | Readonly<Record<string, unknown>> | undefined;
  /** Rows are compared in their order. */
  readonly isOrdered: boolean;
}

const filterOf = (random: Random): string =>
  random.pick([
    '',
    `&grp=eq.${random.below(5)}`,
    `&n=gt.${random.below(40)}`,
    `&owner=in.(ada,${random.pick(PEOPLE)})`,
    `&or=(n.lt.${random.below(20)},title.like.*1*)`,
    '&owner=not.is.null&n=neq.3',
  ]);

/** What somebody follows. */
export function askedBy(random: Random): Asked {
  const { name, key } = random.pick(TABLES);
  const select = random.pick(['*', 'n,title', `${key.join(',')},owner`, 'title,grp']);
  const isOrdered = random.chance(2);
  const order = isOrdered
    ? `&order=${random.pick(['n.desc', 'title', 'grp.asc,owner.desc'])},${key.join(',')}`
    : '';
  const limit = isOrdered && !random.chance(3) ? `&limit=${1 + random.below(8)}` : '';
  const offset = limit !== '' && random.chance(2) ? `&offset=${random.below(4)}` : '';
  const embeds: Record<string, readonly string[]> = {
    parent: ['', '', ',child(n,title)', ',child!inner(id)', ',kids:child(count:n)'],
    child: ['', '', ',parent(title,n)', ',parent!inner(title)', ',...parent(of:title)'],
    pair: [''],
  };
  const embed = random.pick(embeds[name] ?? ['']);
  const inner =
    embed.includes('!inner') && random.chance(2) ? `&${name === 'parent' ? 'child' : 'parent'}.n=gt.8` : '';
  // what is embedded has an order only where it is said
  const inside = embed.startsWith(',child')
    ? '&child.order=id'
    : embed.startsWith(',kids')
      ? '&kids.order=id'
      : '';
  return {
    path: `/${name}?select=${select}${embed}${filterOf(random)}${inner}${inside}${order}${limit}${offset}`,
    as: random.pick([
      undefined,
      'service_role',
      ...PEOPLE.map((sub) => ({ role: 'authenticated', sub })),
      ...PEOPLE.map((sub) => ({ role: 'authenticated', sub })),
    ]),
    isOrdered,
  };
}

/** One statement of a writer. */
function statementOf(random: Random): string {
  const { name, key } = random.pick(TABLES);
  const id = random.below(30);
  const values = `'${random.pick(PEOPLE)}', ${random.below(5)}, ${random.below(60)}, 't${random.below(100)}'`;
  const first = key[0];
  switch (random.below(9)) {
    case 0:
    case 1: {
      const place =
        name === 'pair' ? `${id % 4}, 'b${id}'` : name === 'child' ? `${id}, ${random.below(14)}` : `${id}`;
      const columns = name === 'pair' ? 'a, b' : name === 'child' ? 'id, parent_id' : 'id';
      return `insert into ${name} (${columns}, owner, grp, n, title) values (${place}, ${values})
        on conflict (${key.join(', ')}) do update set title = excluded.title, n = ${name}.n + 1`;
    }
    case 2:
      return `update ${name} set n = ${random.below(60)} where ${first} % 5 = ${id % 5}`;
    case 3:
      return `update ${name} set owner = '${random.pick(PEOPLE)}', grp = ${random.below(5)} where n % 4 = ${id % 4}`;
    case 4:
      return `delete from ${name} where n = ${random.below(60)} or ${first} = ${id}`;
    case 5:
      return name === 'pair'
        ? `update pair set b = b || 'x' where a = ${id % 4} and length(b) < 6`
        : `update ${name} set id = id + 40 where id = ${id} and not exists (select from ${name} where id = ${id + 40})`;
    case 6:
      return `insert into member values (${random.below(5)}, '${random.pick(PEOPLE)}') on conflict do nothing`;
    case 7:
      return `delete from member where grp = ${random.below(5)} and who = '${random.pick(PEOPLE)}'`;
    default:
      return `update child set parent_id = (select min(id) from parent where id > ${id}) where id % 6 = ${id % 6}`;
  }
}

/** Deadlocks, keys that are taken, rows that moved; and a server that goes away. */
const EXPECTED = /^(?:40P01|40001|23505|23503|57P0\d|08\d\d\d|42P01)$/;

const isExpected = (error: unknown): boolean =>
  error instanceof pg.DatabaseError ? EXPECTED.test(error.code ?? '') : error instanceof Error;

/** Writes so many transactions; whatever goes wrong is rolled back, and a connection that is lost is made anew. */
export async function write(uri: () => string, random: Random, transactions: number): Promise<void> {
  let client: pg.Client | null = null;
  const connected = async (): Promise<pg.Client> => {
    if (client !== null) return client;
    const fresh = new pg.Client(uri());
    fresh.on('error', () => {
      client = null;
    });
    await fresh.connect();
    client = fresh;
    return fresh;
  };
  for (let times = 0; times < transactions; times += 1) {
    const statements = Array.from({ length: 1 + random.below(4) }, () => statementOf(random));
    const undone = random.chance(6);
    const ending = random.chance(8) ? 'rollback' : 'commit';
    const truncated = random.chance(60) ? 'truncate pair;' : '';
    const waits = random.chance(5);
    try {
      const one = await connected();
      await one.query('begin');
      await one.query(truncated);
      for (const [index, statement] of statements.entries()) {
        if (undone && index === 0) await one.query('savepoint s');
        await one.query(statement);
        if (undone && index === 0) await one.query('rollback to s');
        if (waits) await one.query(`select pg_sleep(${random.below(8) / 1000})`);
      }
      await one.query(ending);
    } catch (error) {
      if (!isExpected(error)) throw error;
      try {
        await (client as pg.Client | null)?.query('rollback');
      } catch {
        client = null;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
  try {
    await (client as pg.Client | null)?.end();
  } catch {
    // the server was quicker
  }
}
