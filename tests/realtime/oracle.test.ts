/**
 * Live queries held against plain reads, in random worlds: at every quiet point each follower has, row for row, what a
 * read as the same person answers; connections, servers and networks may have broken in between.
 *
 * `LIVE_ORACLE=100` runs so many worlds, `LIVE_ORACLE_SEED=7` begins with that one.
 */
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { type EmbeddedServer, startEmbedded } from '../../server/embedded.ts';
import { type Api, SECRET, startApi, tokenFor } from '../support/api.ts';
import { type CutLine, openLine } from '../support/cut-line.ts';
import { createDatabase } from '../support/database.ts';
import { findFreePort } from '../support/folder.ts';
import { type Following, follow } from '../support/live.ts';
import { type AuraProcess, startProcess } from '../support/process.ts';
import {
  type Asked,
  askedBy,
  changePolicy,
  createRandom,
  type Random,
  schemaOf,
  write,
} from './oracle-world.ts';

const sqlFile = (name: string): string => readFileSync(new URL(`../../sql/${name}`, import.meta.url), 'utf8');
const INSTALLED = `
  ${sqlFile('realtime/capture.sql')};
  ${sqlFile('realtime/grants.sql')};
  create schema aura;
  ${sqlFile('project/ddl-notice.sql')};
`;

const WORLDS = Number(process.env['LIVE_ORACLE'] ?? 3);
const FIRST = Number(process.env['LIVE_ORACLE_SEED'] ?? 1);
const FOLLOWERS = 14;
const WRITERS = 3;

/** Somebody who follows, and comes back whenever the line breaks. */
class Follower {
  readonly asked: Asked;
  readonly #port: () => number;
  #current: Following | null = null;
  #lastId: string | null = null;
  #state: Following['state'] = () => new Map();
  #isOver = false;
  done: Promise<void> = Promise.resolve();
  /** Reasons for which streams ended. */
  readonly ends: string[] = [];
  /** What streams began with. */
  readonly beginnings: string[] = [];

  constructor(asked: Asked, port: () => number) {
    this.asked = asked;
    this.#port = port;
  }

  start(): void {
    this.done = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      try {
        await this.#once();
      } catch (error) {
        // the server is away
        if (error instanceof Error && error.name === 'AssertionError') throw error;
      }
      if (!this.#isOver) await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  async #once(): Promise<void> {
    const state = this.#state();
    const one = await follow({ port: this.#port() }, this.asked.path, {
      lastId: this.#lastId,
      state,
      ...(this.asked.as === undefined ? {} : { as: this.asked.as }),
    });
    if (one.status !== 200) {
      if (one.status < 500) throw new Error(`${this.asked.path}: ${JSON.stringify(one.refusal)}`);
      return;
    }
    this.#current = one;
    this.#state = one.state;
    await new Promise((resolve) => one.incoming.once('close', resolve));
    this.#lastId = one.lastId();
    if (one.failure() !== null) throw one.failure();
    const last = one.events.at(-1);
    if (last?.event === 'end') this.ends.push(last.data.code);
    const [first] = one.events;
    if (first) this.beginnings.push(first.event);
  }

  failure(): Error | null {
    return this.#current?.failure() ?? null;
  }

  rows(): readonly string[] {
    return [...this.#state().values()];
  }

  stop(): void {
    this.#isOver = true;
    this.#current?.leave();
  }
}

const ordered = (rows: readonly string[], isOrdered: boolean): readonly string[] =>
  isOrdered ? rows : rows.toSorted();

/** What a plain read answers, row by row. */
async function readPlain(origin: string, { path, as, isOrdered }: Asked): Promise<readonly string[] | null> {
  const headers: Record<string, string> = as === undefined ? {} : { Authorization: `Bearer ${tokenFor(as)}` };
  try {
    const answer = await fetch(`${origin}/rest/v1${path}`, { headers });
    const rows = await answer.json();
    if (!Array.isArray(rows)) return null;
    return ordered(
      rows.map((row) => JSON.stringify(row)),
      isOrdered,
    );
  } catch {
    return null;
  }
}

/** Waits until everybody has what they would read. */
async function compare(followers: readonly Follower[], origin: () => string, seed: string): Promise<void> {
  for (const follower of followers) {
    const { asked } = follower;
    const name = `seed ${seed}: ${asked.path} as ${JSON.stringify(asked.as)}`;
    await expect
      .poll(
        async () => {
          const expected = await readPlain(origin(), asked);
          const rows = follower.rows().map((row) => JSON.stringify(JSON.parse(row)));
          return { name, expected, failure: follower.failure(), rows: ordered(rows, asked.isOrdered) };
        },
        { timeout: 15_000, interval: 25 },
      )
      .toSatisfy(
        ({ expected, rows, failure }) =>
          failure === null && expected !== null && JSON.stringify(rows) === JSON.stringify(expected),
      );
  }
}

const begin = (random: Random, port: () => number, count = FOLLOWERS): readonly Follower[] => {
  const followers = Array.from({ length: count }, () => new Follower(askedBy(random), port));
  for (const follower of followers) follower.start();
  onTestFinished(() => {
    for (const follower of followers) follower.stop();
  });
  return followers;
};

const writeSome = async (uri: () => string, random: Random, transactions: number): Promise<void> => {
  const seeds = Array.from({ length: WRITERS }, () => random.below(2 ** 31));
  await Promise.all(seeds.map((seed) => write(uri, createRandom(seed), transactions)));
};

test.each(Array.from({ length: WORLDS }, (_, index) => FIRST + index))(
  'whoever follows has what a read answers (seed %i)',
  async (seed) => {
    const random = createRandom(seed);
    const database = await createDatabase(`${INSTALLED}${schemaOf(random)}`);
    onTestFinished(() => database.close());
    const apis: readonly Api[] = [
      await startApi(database, { 'realtime-max-changes': 40 + random.below(400) }),
      await startApi(database, { 'db-pool': 1 }),
    ];
    onTestFinished(async () => {
      await Promise.all(apis.map((api) => api.close()));
    });
    let at = 0;
    const followers = begin(random, () => apis[at++ % 2]?.port ?? 0);
    for (let quiet = 0; quiet < 3; quiet += 1) {
      await writeSome(() => database.uri, random, 25);
      if (random.chance(2)) await database.query(changePolicy(random));
      await compare(followers, () => apis[0]?.origin ?? '', `${seed}, quiet point ${quiet}`);
    }
    expect(followers.flatMap(({ ends }) => ends)).toEqual([]);
  },
);

/** A PostgreSQL and an Aura of one's own, with lines to both that can be cut. */
interface Machinery {
  readonly uri: () => string;
  readonly postgres: () => EmbeddedServer;
  readonly restartPostgres: () => Promise<void>;
  readonly aura: () => AuraProcess;
  readonly restartAura: () => Promise<void>;
  readonly toDatabase: CutLine;
  readonly toClients: CutLine;
  readonly origin: string;
}

async function startMachinery(setup: string): Promise<Machinery> {
  const folder = await mkdtemp(join(tmpdir(), 'aura-test-'));
  // as root: for PostgreSQL's account to pass through
  await chmod(folder, 0o755);
  const start = (): Promise<EmbeddedServer> => startEmbedded({ dataDir: join(folder, 'pg'), port: null });
  let postgres = await start();
  const client = new pg.Client(postgres.superuserUri);
  await client.connect();
  await client.query(`
    create role anon nologin; create role authenticated nologin; create role service_role nologin bypassrls;
    create role authenticator login noinherit password 'authenticator';
    grant anon, authenticated, service_role to authenticator;
    ${setup}
  `);
  await client.end();
  const toDatabase = await openLine(() => ({ path: `${postgres.socketDir}/.s.PGSQL.5432` }));
  const port = await findFreePort();
  const toClients = await openLine(() => ({ host: '127.0.0.1', port }));
  const { pathname } = new URL(postgres.superuserUri);
  const settings = {
    'db-uri': `postgresql://authenticator:authenticator@127.0.0.1:${toDatabase.port}${pathname}`,
    ...{ 'db-anon-role': 'anon', 'jwt-secret': SECRET, 'require-rls': 'off' },
    ...{ 'server-host': '127.0.0.1', 'server-port': String(port), 'log-level': 'error' },
    // a database that is away is not waited for longer than this test can
    'db-pool-acquisition-timeout': '2',
  };
  let aura = startProcess(settings);
  await aura.origin();
  onTestFinished(async () => {
    aura.signal('SIGKILL');
    await aura.ended;
    await toClients.close();
    await toDatabase.close();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    ...{ toDatabase, toClients, origin: `http://127.0.0.1:${port}` },
    uri: () => postgres.superuserUri,
    postgres: () => postgres,
    restartPostgres: async () => {
      process.kill(postgres.pid, 'SIGKILL');
      await postgres.stop();
      postgres = await start();
    },
    aura: () => aura,
    restartAura: async () => {
      aura.signal('SIGKILL');
      await aura.ended;
      aura = startProcess(settings);
      await aura.origin();
    },
  };
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

const asSuperuser = async (uri: string, text: string): Promise<pg.QueryResult> => {
  const client = new pg.Client(uri);
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await client.query(text);
  } finally {
    await client.end().catch(() => undefined);
  }
};

type Fault = (machinery: Machinery) => Promise<void>;

/** What breaks, while writers write. */
const FAULTS: Readonly<Record<string, Fault>> = {
  'the listener is ended': async ({ uri }) => {
    await asSuperuser(
      uri(),
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'aura listener'`,
    );
  },
  'all connections are ended': async ({ uri }) => {
    await asSuperuser(
      uri(),
      `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authenticator'`,
    );
  },
  'a backend is killed, so that PostgreSQL recovers': async ({ uri }) => {
    const { rows } = await asSuperuser(
      uri(),
      `select pid from pg_stat_activity where application_name = 'aura listener'`,
    );
    if (rows[0]) process.kill(rows[0].pid, 'SIGKILL');
  },
  'PostgreSQL is killed and started again': ({ restartPostgres }) => restartPostgres(),
  'Aura is killed and started again': ({ restartAura }) => restartAura(),
  'the line to the database is cut': async ({ toDatabase }) => {
    toDatabase.cut();
    await pause(400);
    toDatabase.mend();
  },
  'the lines to the clients are cut': async ({ toClients }) => {
    for (let times = 0; times < 3; times += 1) {
      toClients.cut();
      await pause(80);
      toClients.mend();
      await pause(80);
    }
  },
  'the clients are cut off in silence': async ({ toClients }) => {
    toClients.silence();
    await pause(300);
    toClients.mend();
  },
};

/** It takes its time to notice that nobody answers. */
test.runIf(WORLDS >= 20)(
  'connections to the database that fall silent are given up',
  async () => {
    const random = createRandom(FIRST);
    const machinery = await startMachinery(`${INSTALLED}${schemaOf(random)}`);
    const followers = begin(random, () => machinery.toClients.port);
    await compare(followers, () => machinery.origin, `${FIRST} at the beginning`);
    machinery.toDatabase.deafen();
    await writeSome(machinery.uri, random, 12);
    await pause(45_000);
    await compare(followers, () => machinery.origin, `${FIRST}, after a silence`);
    await writeSome(machinery.uri, random, 12);
    await compare(followers, () => machinery.origin, `${FIRST}, long after a silence`);
  },
  200_000,
);

test('nothing is lost, whatever breaks', async () => {
  const seed = FIRST;
  const random = createRandom(seed);
  const machinery = await startMachinery(`${INSTALLED}${schemaOf(random)}`);
  const followers = begin(random, () => machinery.toClients.port);
  await compare(followers, () => machinery.origin, `${seed} at the beginning`);
  const rounds = Math.max(1, Math.floor(WORLDS / 10));
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, breakIt] of Object.entries(FAULTS)) {
      const writing = writeSome(machinery.uri, random, 12);
      await pause(random.below(60));
      await breakIt(machinery);
      await writing;
      await compare(followers, () => machinery.origin, `${seed}, after: ${name}`);
    }
  }
  machinery.toClients.cut();
  await asSuperuser(
    machinery.uri(),
    `insert into pair select 0, 'new ' || n, (array['ada', 'ben', 'cid'])[1 + n % 3], n % 5, n, 't1' || n from generate_series(1, 30) n;
     insert into child select 5000 + n, null, (array['ada', 'ben', 'cid'])[1 + n % 3], n % 5, n, 't1' || n
     from generate_series(1, 30) n`,
  );
  machinery.toClients.mend();
  await compare(followers, () => machinery.origin, `${seed}, after rows have come`);
  // what streams begin with is noted when they end
  for (const follower of followers) follower.stop();
  await Promise.all(followers.map(({ done }) => done));
  // each of the ways to go on has been gone
  const beginnings = new Set(followers.flatMap((follower) => follower.beginnings));
  expect([...beginnings]).toEqual(expect.arrayContaining(['snapshot', 'resume', 'reset', 'insert']));
  const codes = new Set(followers.flatMap(({ ends }) => ends));
  expect([...codes].filter((code) => !/^(?:57P0\d|PGRST00\d|AURA406)$/.test(code))).toEqual([]);
}, 600_000);
