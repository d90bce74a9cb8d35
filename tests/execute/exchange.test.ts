import { readFileSync } from 'node:fs';
import { Duplex } from 'node:stream';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Exchanger } from '../../server/execute/exchange.ts';
import { ConnectionLostError, type Outcome } from '../../server/execute/step.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { step, type Tapped, tap, textRows } from './tap.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase('create table item (id int primary key, name text)');
});
afterAll(() => database.close());

const repository = new URL('../../', import.meta.url);
const readJson = (path: string): Record<string, Record<string, string>> =>
  JSON.parse(readFileSync(new URL(path, repository), 'utf8'));

const prepared = async ({ rows }: Tapped): Promise<readonly (string | null)[]> => {
  const found = await rows(step(null, 'select statement from pg_prepared_statements order by name'));
  return found.map(([statement]) => statement ?? null);
};

describe('the driver that exchanges run beside', () => {
  test('is installed in the one version that this was made for', () => {
    const wanted = readJson('package.json')['dependencies'];
    for (const name of ['pg', 'pg-protocol']) {
      expect(wanted?.[name], name).toMatch(/^\d+\.\d+\.\d+$/);
      expect(readJson(`node_modules/${name}/package.json`)['version'], name).toBe(wanted?.[name]);
    }
  });

  test('reads its socket with one listener, and says who the backend is', async () => {
    const client = new pg.Client(database.uri);
    await client.connect();
    onTestFinished(() => client.end());
    const { connection, processID, secretKey, host, port } = client as unknown as {
      connection: { stream: Duplex };
      processID: number;
      secretKey: number;
      host: string;
      port: number;
    };
    expect(connection.stream.listenerCount('data')).toBe(1);
    const { rows } = await client.query('select pg_backend_pid() as pid');
    expect(rows).toEqual([{ pid: processID }]);
    expect(secretKey).toBeTypeOf('number');
    expect(host).toMatch(/\S/);
    expect(port).toBeGreaterThan(0);
  });

  test('is refused where it listens in any other way', () => {
    const read = (): void => undefined;
    const silent = new Duplex({ read });
    expect(() => new Exchanger({ stream: silent }, 10)).toThrow('listens to its socket in an unknown way');
    const crowded = new Duplex({ read }).on('data', () => undefined).on('data', () => undefined);
    expect(() => new Exchanger({ stream: crowded }, 10)).toThrow('listens to its socket in an unknown way');
  });

  test('still gets notices, changed settings and notifications that come amid an exchange', async () => {
    const { client, rows } = await tap(database.uri);
    const told: unknown[] = [];
    client.on('notice', ({ message }) => told.push(['notice', message]));
    client.on('notification', ({ channel, payload }) => told.push(['notification', channel, payload]));
    const { connection } = client as unknown as { connection: NodeJS.EventEmitter };
    connection.on('parameterStatus', ({ parameterName, parameterValue }) =>
      told.push(['setting', parameterName, parameterValue]),
    );
    await rows(
      step(null, "do $$ begin raise notice 'look'; end $$"),
      step(null, "set timezone = 'Asia/Tokyo'"),
      step(null, 'listen doorbell'),
      step(null, "notify doorbell, 'ring'"),
    );
    // the notification is sent when the transaction has ended, perhaps behind ReadyForQuery
    await client.query('select 1');
    expect(told).toContainEqual(['notice', 'look']);
    expect(told).toContainEqual(['setting', 'TimeZone', 'Asia/Tokyo']);
    expect(told).toContainEqual(['notification', 'doorbell', 'ring']);
  });

  test('can run its own queries between exchanges', async () => {
    const { client, rows } = await tap(database.uri);
    for (let round = 0; round < 3; round++) {
      expect(await rows(step('one', 'select $1::text', [`exchange ${round}`]))).toEqual([
        [`exchange ${round}`],
      ]);
      const answer = await client.query('select $1::text as text', [`driver ${round}`]);
      expect(answer.rows).toEqual([{ text: `driver ${round}` }]);
    }
  });
});

describe('an answer', () => {
  /** The driver's side of a connection whose server says only what it is told to. */
  class Script extends Duplex {
    readonly driver: Buffer[] = [];
    constructor() {
      super();
      this.on('data', (chunk: Buffer) => this.driver.push(Buffer.from(chunk)));
    }
    override _read(): void {}
    override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
      done();
    }
    /** What the driver has received, in one. */
    received(): Buffer {
      return Buffer.concat(this.driver);
    }
  }

  const steps = [
    step('ctx', "select set_config('application_name', 'recorded', false)"),
    step('main', "select i, repeat('ü', i), null from generate_series(1, 3) i"),
    step('bad', 'select 1 / $1::int', ['0']),
  ];

  /** The bytes with which a real server answers these steps. */
  const record = async (): Promise<{ bytes: Buffer; outcome: Outcome }> => {
    const { exchanger, connection } = await tap(database.uri);
    const chunks: Buffer[] = [];
    connection.stream.on('data', (chunk: Buffer) => chunks.push(Buffer.from(chunk)));
    const outcome = await exchanger.run(steps);
    return { bytes: Buffer.concat(chunks), outcome };
  };

  const replay = async (chunks: readonly Buffer[]): Promise<{ outcome: Outcome; driver: Buffer }> => {
    const stream = new Script();
    const exchanger = new Exchanger({ stream }, 10);
    const running = exchanger.run(steps);
    for (const chunk of chunks) stream.emit('data', chunk);
    return { outcome: await running, driver: stream.received() };
  };

  const shown = (outcome: Outcome): unknown => ({
    rows: outcome.rows.map((_, index) => textRows(outcome, index)),
    error: [outcome.error?.code, outcome.error?.message],
    status: outcome.status,
  });

  test('is the same wherever the network cuts it', async () => {
    const { bytes, outcome } = await record();
    expect(shown(outcome)).toMatchObject({
      rows: [
        [['recorded']],
        [
          ['1', 'ü', null],
          ['2', 'üü', null],
          ['3', 'üüü', null],
        ],
        [],
      ],
      error: ['22012', 'division by zero'],
    });
    const whole = await replay([bytes]);
    for (let at = 0; at <= bytes.length; at++) {
      const cut = await replay([bytes.subarray(0, at), bytes.subarray(at)]);
      expect(shown(cut.outcome), `cut at ${at}`).toEqual(shown(outcome));
      expect(cut.driver.equals(whole.driver), `cut at ${at}`).toBe(true);
    }
  });

  test('may be followed, in the same packet and in parts, by what is meant for the driver', async () => {
    const { bytes } = await record();
    const setting = Buffer.from('S\0\0\0\x11TimeZone\0UTC\0', 'latin1');
    setting.writeInt32BE(setting.length - 1, 1);
    const { driver: before } = await replay([bytes]);
    for (let at = 0; at <= setting.length; at++) {
      const stream = new Script();
      const exchanger = new Exchanger({ stream }, 10);
      const running = exchanger.run(steps);
      stream.emit('data', Buffer.concat([bytes, setting.subarray(0, at)]));
      await running;
      stream.emit('data', setting.subarray(at));
      expect(stream.received().equals(Buffer.concat([before, setting])), `cut at ${at}`).toBe(true);
    }
  });

  test('is kept when the memory that it arrived in is used again', async () => {
    const { bytes, outcome } = await record();
    for (const size of [1, 7, 50, bytes.length]) {
      const stream = new Script();
      const exchanger = new Exchanger({ stream }, 10);
      const running = exchanger.run(steps);
      const memory = Buffer.alloc(size);
      for (let at = 0; at < bytes.length; at += size) {
        const filled = bytes.copy(memory, 0, at, at + size);
        stream.emit('data', memory.subarray(0, filled));
        memory.fill(0xff);
      }
      expect(shown(await running), `pieces of ${size}`).toEqual(shown(outcome));
    }
  });

  test('can hold a value of megabytes', async () => {
    const { rows } = await tap(database.uri);
    const [[value]] = (await rows(step('big', "select repeat('0123456789', 2000000)"))) as [[string]];
    expect(value.length).toBe(20_000_000);
    expect(value === '0123456789'.repeat(2_000_000)).toBe(true);
  });
});

describe('prepared statements', () => {
  test('are parsed once and used again under their key', async () => {
    const tapped = await tap(database.uri);
    for (const value of ['1', '2']) {
      expect(await tapped.rows(step('k', 'select $1::int + 1', [value]))).toEqual([[`${Number(value) + 1}`]]);
    }
    const [[parses]] = (await tapped.rows(
      step(null, "select count(*) from pg_prepared_statements where statement = 'select $1::int + 1'"),
    )) as [[string]];
    expect(parses).toBe('1');
  });

  test('are limited in number: the least recently used is closed', async () => {
    const tapped = await tap(database.uri, 3);
    for (const key of ['1', '2', '3', '1', '4']) await tapped.rows(step(key, `select ${key}`));
    expect([...(await prepared(tapped))].sort()).toEqual(['select 1', 'select 3', 'select 4']);
  });

  test('are closed even where an error made the server skip that', async () => {
    const tapped = await tap(database.uri, 2);
    for (let round = 0; round < 20; round++) {
      await tapped.rows(step(`good ${round}`, `select ${round}`));
      await tapped.exchanger.run([
        step(null, 'select 1 / 0'),
        step(`bad ${round}`, `select -${round}`),
        step(`worse ${round}`, `select -1 - ${round}`),
      ]);
    }
    expect((await prepared(tapped)).length).toBeLessThanOrEqual(2);
  });

  test('that could not be parsed are parsed when they are used next', async () => {
    const { exchanger, rows } = await tap(database.uri);
    const later = step('later', "select count(*) from pg_class where relname = 'later'");
    for (const failing of ['selec', 'select nothing_of_this_name', 'select 1 / 0']) {
      const outcome = await exchanger.run([step(failing, failing), later]);
      expect(outcome.error).not.toBeNull();
      expect(outcome.stale).toBe(false);
      expect(outcome.status).toBe('I');
    }
    expect(await rows(later)).toEqual([['0']]);
  });

  test('that are gone or outdated are told from statements that are wrong', async () => {
    const tapped = await tap(database.uri);
    const star = step('star', 'select * from grown');
    const byKey = step('by key', 'select from grown where id = $1', ['1']);
    await tapped.rows(step(null, 'create table grown (id int); '));
    await tapped.rows(star, byKey);
    await database.query('alter table grown add more text, alter id type text');

    const changed = await tapped.exchanger.run([star]);
    expect([changed.error?.code, changed.stale]).toEqual(['0A000', true]);
    const typed = await tapped.exchanger.run([byKey]);
    expect([typed.error?.code, typed.stale]).toEqual(['42883', true]);
    await tapped.rows(star, byKey);

    await tapped.rows(step(null, 'deallocate all'));
    const gone = await tapped.exchanger.run([star]);
    expect([gone.error?.code, gone.stale]).toEqual(['26000', true]);
    await tapped.rows(star);
  });
});

describe('an error', () => {
  test.each([
    ['when a statement is parsed', step('p', 'select * from no_such_table'), '42P01'],
    ['when values are bound', step('b', 'select $1::int', ['not a number']), '22P02'],
    ['when it runs', step('e', 'select 1 / $1::int', ['0']), '22012'],
  ])('%s ends the transaction and leaves the connection usable', async (_when, failing, code) => {
    const { exchanger, rows } = await tap(database.uri);
    const insert = step('i', 'insert into item (id) values (1)');
    for (let round = 0; round < 2; round++) {
      const outcome = await exchanger.run([insert, failing, step('after', 'select 1')]);
      expect([outcome.error?.code, outcome.status]).toEqual([code, 'I']);
      expect(textRows(outcome, 2)).toEqual([]);
    }
    expect(await rows(step('after', 'select count(*) from item'))).toEqual([['0']]);
    expect(exchanger.idle).toBe(true);
  });

  test('that comes with the end of the transaction is told, too', async () => {
    const { exchanger, rows } = await tap(database.uri);
    await rows(step(null, 'create temporary table parent (id int primary key)'));
    await rows(
      step(null, 'create temporary table child (id int references parent deferrable initially deferred)'),
    );
    const outcome = await exchanger.run([step(null, 'insert into child values (1)')]);
    expect([outcome.error?.code, outcome.status]).toEqual(['23503', 'I']);
  });

  test('of the message itself (too many values) reaches nobody else', async () => {
    const { exchanger, rows } = await tap(database.uri);
    const tooMany = Array.from({ length: 65_536 }, () => '');
    await rows(step('good', 'select 1'));
    const mixed = [step('good', 'select 1'), step('new', 'select 2'), step('huge', 'select 3', tooMany)];
    await expect(exchanger.run(mixed)).rejects.toThrow(RangeError);
    expect(exchanger.idle).toBe(true);
    expect(await rows(step('good', 'select 1'), step('new', 'select 2'))).toEqual([['2']]);
  });

  test('a transaction that is left open is known', async () => {
    const { exchanger, rows } = await tap(database.uri);
    await rows(step('begin', 'begin'));
    expect(exchanger.idle).toBe(false);
    const failed = await exchanger.run([step(null, 'select 1 / 0')]);
    expect(failed.status).toBe('E');
    expect(exchanger.idle).toBe(false);
    await rows(step('rollback', 'rollback'));
    expect(exchanger.idle).toBe(true);
  });

  test('only one exchange runs at a time', async () => {
    const { exchanger } = await tap(database.uri);
    const first = exchanger.run([step(null, 'select 1')]);
    expect(() => exchanger.run([step(null, 'select 2')])).toThrow('already running');
    expect((await first).error).toBeNull();
  });

  test('a connection that was closed before an exchange has done nothing of it', async () => {
    const { exchanger, pid } = await tap(database.uri);
    const insert = step(null, "insert into item values (200, 'not twice')");
    // the goodbye arrives with the exchange on its way
    await database.query('select pg_terminate_backend($1, 1000)', [pid]);
    const lost = await exchanger.run([insert]).catch((error: unknown) => error);
    expect(lost).toMatchObject({ name: 'ConnectionLostError', progress: 'unsent' });
    expect((await database.query('select from item where id = 200')).rows).toEqual([]);
  });

  test('a lost connection rejects what runs, with what the server said last, and everything after', async () => {
    const { exchanger, pid } = await tap(database.uri);
    const running = exchanger.run([step(null, 'select pg_sleep(20)')]).catch((error: unknown) => error);
    await database.query('select pg_sleep(0.05), pg_terminate_backend($1)', [pid]);
    const lost = await running;
    expect(lost).toBeInstanceOf(ConnectionLostError);
    // it had begun: what it did may or may not have been done
    expect(lost).toMatchObject({ cause: { code: '57P01' }, progress: 'begun' });
    await expect(exchanger.run([step(null, 'select 1')])).rejects.toThrow(ConnectionLostError);
    expect(exchanger.idle).toBe(false);
  });
});

describe('a session that user code has changed', () => {
  const settings = step(
    null,
    `select current_setting('timezone'), current_setting('datestyle'), current_setting('app.who', true), current_user`,
  );

  test('is as it was at the connection for the next exchange, once it is tainted', async () => {
    const { exchanger, rows } = await tap(database.uri);
    const [before] = await rows(settings);
    exchanger.taint();
    await rows(
      step(null, "select set_config('work_mem', '77MB', false), set_config('app.who', 'mira', false)"),
      step(null, 'set role anon'),
    );
    exchanger.settle();
    expect(await rows(settings)).toEqual([[before?.[0], before?.[1], '', before?.[3]]]);
    expect(await rows(step(null, 'show work_mem'))).not.toEqual([['77MB']]);
  });

  test('taints itself where the server tells of the change', async () => {
    const { rows } = await tap(database.uri);
    const [before] = await rows(settings);
    await rows(step(null, "select set_config('timezone', 'Asia/Tokyo', false)"));
    expect(await rows(settings)).toEqual([before]);
    await rows(step(null, 'set default_transaction_read_only = on'));
    await rows(step(null, "insert into item values (100, 'written')"));
    await rows(step(null, 'delete from item where id = 100'));
  });

  test('is cleaned behind an exchange that fails, and before one that follows a transaction', async () => {
    const { exchanger, rows } = await tap(database.uri);
    const who = (): Promise<unknown> => rows(step(null, "select current_setting('app.who', true)"));
    const claim = step(null, "select set_config('app.who', 'mira', false)");
    await rows(claim);
    exchanger.taint();
    const failed = await exchanger.run([step(null, 'select 1 / 0')]);
    expect(failed.error?.code).toBe('22012');
    exchanger.settle();
    expect(await who()).toEqual([['']]);
    exchanger.taint();
    await rows({ ...step(null, 'begin'), begins: true }, claim);
    expect(await who()).toEqual([['mira']]);
    await rows(step(null, 'commit'));
    exchanger.settle();
    const late = await exchanger.run([step(null, 'select 1 / 0')]);
    expect(late.error?.code).toBe('22012');
    expect(await who()).toEqual([['']]);
  });

  test('that cannot be cleaned serves nobody', async () => {
    const { exchanger, rows } = await tap(database.uri);
    exchanger.taint();
    // a transaction that nobody announced: it has failed when the cleaning comes
    await exchanger.run([step(null, 'begin'), step(null, 'select 1 / 0')]);
    await expect(rows(step(null, 'select 1'))).rejects.toThrow(ConnectionLostError);
    expect(exchanger.idle).toBe(false);
  });

  test('stays as it is within a transaction that goes on', async () => {
    const { exchanger, rows } = await tap(database.uri);
    await rows(step(null, 'begin'), step(null, "select set_config('app.who', 'mira', true)"));
    exchanger.taint();
    expect(await rows(step(null, "select current_setting('app.who')"))).toEqual([['mira']]);
    await rows(step(null, 'commit'));
    expect(await rows(step(null, "select current_setting('app.who')"))).toEqual([['']]);
  });

  test('answers the steps in their places', async () => {
    const { exchanger } = await tap(database.uri);
    exchanger.taint();
    const outcome = await exchanger.run([step('a', "select 'a'"), step('b', "select 'b'")]);
    expect([textRows(outcome, 0), textRows(outcome, 1)]).toEqual([[['a']], [['b']]]);
    exchanger.taint();
    const failed = await exchanger.run([step('a', "select 'a'"), step('c', 'select 1 / 0')]);
    expect([textRows(failed, 0), failed.error?.code, failed.status]).toEqual([[['a']], '22012', 'I']);
  });
});
