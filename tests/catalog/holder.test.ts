import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type CatalogHolder, createCatalogHolder } from '../../server/catalog/holder.ts';
import { createCatalogLoader } from '../../server/catalog/load.ts';
import type { Catalog } from '../../server/catalog/types.ts';
import { nameKey } from '../../server/names.ts';
import type { Observation } from '../../server/observe/observation.ts';
import { createDatabase } from '../support/database.ts';
import { connectCatalog } from './connect.ts';

/** A catalog told apart by its number. */
const catalogOf = (serverVersion: number): Catalog => ({
  serverVersion,
  schemas: [],
  relations: new Map(),
  relationships: new Map(),
  routines: new Map(),
  representations: new Map(),
  mediaHandlers: [],
  roles: new Map(),
  enums: new Map(),
  types: new Map(),
  publications: new Map(),
  schemaComments: new Map(),
  schemaGrants: new Map(),
});

/** A load that each test ends as it likes. */
const createScript = () => {
  const pending: PromiseWithResolvers<Catalog>[] = [];
  const observations: Observation[] = [];
  let loads = 0;
  const holder = createCatalogHolder({
    load: () => {
      loads += 1;
      const ending = Promise.withResolvers<Catalog>();
      pending.push(ending);
      return ending.promise;
    },
    observe: (observation) => observations.push(observation),
  });
  const settle = async (end: (ending: PromiseWithResolvers<Catalog>) => void): Promise<void> => {
    const ending = pending.shift();
    if (ending === undefined) throw new Error('no load runs');
    end(ending);
    await vi.advanceTimersByTimeAsync(0);
  };
  return {
    holder,
    observations,
    loads: () => loads,
    succeed: (version: number) => settle((ending) => ending.resolve(catalogOf(version))),
    fail: (message: string) => settle((ending) => ending.reject(new Error(message))),
  };
};

const versionOf = (holder: CatalogHolder): number | undefined => holder.current()?.serverVersion;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('before the first load', () => {
  test('there is no catalog, and requests wait for the load that runs', async () => {
    const { holder, succeed } = createScript();
    expect(holder.current()).toBeNull();
    expect(holder.state()).toEqual({ kind: 'empty' });
    holder.start();
    const first = holder.first();
    await succeed(1);
    expect((await first).serverVersion).toBe(1);
    expect((await holder.first()).serverVersion).toBe(1);
    expect(holder.state()).toEqual({ kind: 'ready' });
  });

  test('a failed load is told to those who wait and to those who come before the next', async () => {
    const { holder, fail } = createScript();
    holder.start();
    const waiting = expect(holder.first()).rejects.toThrow('away');
    await fail('away');
    await waiting;
    await expect(holder.first()).rejects.toThrow('away');
    expect(holder.state()).toEqual({ kind: 'empty', error: new Error('away') });
    await holder.stop();
  });

  test('it is tried again after 1, 2, 4 ... and at most 32 seconds, until it succeeds', async () => {
    const { holder, fail, succeed, loads, observations } = createScript();
    holder.start();
    const pauses = [1, 2, 4, 8, 16, 32, 32];
    for (const [i, seconds] of pauses.entries()) {
      await fail('away');
      await vi.advanceTimersByTimeAsync(seconds * 1000 - 1);
      expect(loads()).toBe(i + 1);
      await vi.advanceTimersByTimeAsync(1);
      expect(loads()).toBe(i + 2);
    }
    await succeed(7);
    expect(versionOf(holder)).toBe(7);
    expect(
      observations
        .filter((o) => o.kind !== 'catalog failed')
        .map((o) => (o.kind === 'database retry' ? o.delaySeconds : o.kind)),
    ).toEqual([...pauses, 'catalog loaded']);
    expect(observations[0]).toEqual({ kind: 'catalog failed', error: new Error('away') });
    await vi.advanceTimersByTimeAsync(100_000);
    expect(loads()).toBe(8);
  });

  test('after a success the pauses begin anew', async () => {
    const { holder, fail, succeed, loads } = createScript();
    holder.start();
    await fail('away');
    await vi.advanceTimersByTimeAsync(1000);
    await fail('away');
    await vi.advanceTimersByTimeAsync(2000);
    await succeed(1);
    void holder.reload();
    await fail('away');
    await vi.advanceTimersByTimeAsync(1000);
    expect(loads()).toBe(5);
    await succeed(2);
  });
});

describe('a reload', () => {
  test('swaps the catalog when it stands, and the old one serves until then', async () => {
    const { holder, succeed } = createScript();
    holder.start();
    await succeed(1);
    const reload = holder.reload();
    expect(versionOf(holder)).toBe(1);
    await succeed(2);
    expect(await reload).toBe(true);
    expect(versionOf(holder)).toBe(2);
  });

  test('that fails leaves the old catalog, is remembered, and is tried again', async () => {
    const { holder, succeed, fail } = createScript();
    holder.start();
    await succeed(1);
    const reload = holder.reload();
    await fail('no such schema');
    expect(await reload).toBe(false);
    expect(versionOf(holder)).toBe(1);
    expect(holder.state()).toEqual({ kind: 'stale', error: new Error('no such schema') });
    expect((await holder.first()).serverVersion).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    await succeed(2);
    expect(versionOf(holder)).toBe(2);
    expect(holder.state()).toEqual({ kind: 'ready' });
  });

  test('by many at once runs once, and once more for those who came while it ran', async () => {
    const { holder, succeed, loads } = createScript();
    holder.start();
    const reloads = [holder.reload(), holder.reload(), holder.reload()];
    expect(loads()).toBe(1);
    await succeed(1);
    expect(loads()).toBe(2);
    await succeed(2);
    expect(await Promise.all(reloads)).toEqual([true, true, true]);
    expect(loads()).toBe(2);
    expect(versionOf(holder)).toBe(2);
  });

  test('that waited runs although the one before it failed', async () => {
    const { holder, fail, succeed, loads } = createScript();
    holder.start();
    const waiting = holder.reload();
    await fail('away');
    expect(loads()).toBe(2);
    await succeed(2);
    expect(await waiting).toBe(true);
    await vi.advanceTimersByTimeAsync(100_000);
    expect(loads()).toBe(2);
  });

  test('that is asked for during a pause does not wait for its end', async () => {
    const { holder, fail, succeed, loads } = createScript();
    holder.start();
    await fail('away');
    const reload = holder.reload();
    expect(loads()).toBe(2);
    await succeed(2);
    expect(await reload).toBe(true);
    await vi.advanceTimersByTimeAsync(100_000);
    expect(loads()).toBe(2);
  });
});

describe('subscribers', () => {
  test('are told each swap with the new and the old catalog, until they leave', async () => {
    const { holder, succeed, fail } = createScript();
    const swaps: (number | undefined)[][] = [];
    const leave = holder.subscribe((next, previous) =>
      swaps.push([next.serverVersion, previous?.serverVersion]),
    );
    holder.start();
    await succeed(1);
    void holder.reload();
    await fail('away');
    void holder.reload();
    await succeed(2);
    leave();
    void holder.reload();
    await succeed(3);
    expect(swaps).toEqual([
      [1, undefined],
      [2, 1],
    ]);
  });

  test('that throw neither undo the swap nor keep it from the others', async () => {
    const { holder, succeed, observations } = createScript();
    const told: number[] = [];
    holder.subscribe(() => {
      throw new Error('defect');
    });
    holder.subscribe((next) => told.push(next.serverVersion));
    holder.start();
    await succeed(1);
    expect(told).toEqual([1]);
    expect(holder.state()).toEqual({ kind: 'ready' });
    expect(observations).toContainEqual({ kind: 'defect', error: new Error('defect'), requestId: null });
  });
});

describe('a stopped holder', () => {
  test('tries nothing again', async () => {
    const { holder, fail, loads } = createScript();
    holder.start();
    await fail('away');
    await holder.stop();
    expect(await holder.reload()).toBe(false);
    await vi.advanceTimersByTimeAsync(100_000);
    expect(loads()).toBe(1);
  });

  test('waits for the load that runs and ignores what it brings, as well as those that wait', async () => {
    const { holder, succeed, loads, observations } = createScript();
    holder.start();
    const queued = holder.reload();
    let ended = false;
    const stop = holder.stop().then(() => {
      ended = true;
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(ended).toBe(false);
    await succeed(1);
    await stop;
    expect(holder.current()).toBeNull();
    expect(await queued).toBe(false);
    expect(loads()).toBe(1);
    expect(observations).toEqual([]);
  });
});

test('on a database, a reload brings what was created and leaves the old catalog as it was', async () => {
  vi.useRealTimers();
  const database = await createDatabase('create schema api; create table api.first (id int primary key)');
  const connection = await connectCatalog(database.uri);
  const options = { schemas: ['api'], extraSearchPath: [], hoistedSettings: [] };
  const observations: Observation[] = [];
  const holder = createCatalogHolder({
    load: createCatalogLoader(connection.query, options),
    observe: (observation) => observations.push(observation),
  });
  holder.start();
  const before = await holder.first();
  await database.query('create table api.second (id int references api.first)');
  expect(await holder.reload()).toBe(true);
  expect(before.relations.has(nameKey('api', 'second'))).toBe(false);
  expect(holder.current()?.relations.has(nameKey('api', 'second'))).toBe(true);
  expect(observations.at(-1)).toMatchObject({
    kind: 'catalog loaded',
    relations: 2,
    routines: 0,
  });

  await database.query('drop schema api cascade');
  expect(await holder.reload()).toBe(false);
  expect(holder.state()).toMatchObject({ kind: 'stale', error: { name: 'MissingSchemaError' } });
  expect(holder.current()?.relations.size).toBe(2);
  await holder.stop();
  await connection.close();
  await database.close();
});
