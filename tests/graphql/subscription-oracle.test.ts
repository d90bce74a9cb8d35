/** Subscriptions at random: whatever is written, who has subscribed has in the end what a query answers then. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Api, startApi, tokenFor } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { collectionOf, SQL } from './naive.ts';
import { connect } from './subscribers.ts';

const sqlFile = (name: string): string => readFileSync(new URL(`../../sql/${name}`, import.meta.url), 'utf8');

/** Subscriptions that are looked at. */
const KEPT = 12;
const PEOPLE = ['u0', 'u1', 'u2', 'nobody'] as const;

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  database = await createDatabase(`
    ${sqlFile('realtime/capture.sql')}; ${sqlFile('realtime/grants.sql')}; ${SQL};
    alter publication aura add table store.box, store.item, store.mark`);
  api = await startApi(database, {
    'db-schemas': 'store',
    'rest-prefix': '/',
    'graphql-extensions': true,
    'graphql-max-fields': 2000,
    'graphql-max-aliases': 2000,
    'graphql-max-subscriptions': 1000,
    'realtime-max-message-size': 1_000_000,
    'db-max-cost': 0,
    'db-max-aggregate-cost': 0,
  });
});
afterAll(async () => {
  await api.close();
  await database.close();
});

const table = fc.constantFrom('box', 'item', 'mark');
const selection = table.chain((name) => collectionOf(name, 1).map(({ text }) => `${name}Collection${text}`));
const small = fc.nat({ max: 24 });
const value = fc.oneof(fc.constant('null'), fc.nat({ max: 4 }).map(String));
const write = fc.oneof(
  fc.tuple(table, value, small).map(([name, a, id]) => `update store.${name} set a = ${a} where id = ${id}`),
  fc
    .tuple(fc.constantFrom('box', 'item'), fc.nat({ max: 3 }), small)
    .map(([name, owner, id]) => `update store.${name} set owner = 'u${owner}' where id = ${id}`),
  fc
    .tuple(fc.nat({ max: 8 }), small)
    .map(([box, id]) => `update store.item set box_id = ${box + 1} where id = ${id}`),
  small.map((id) => `delete from store.mark where id = ${id}`),
  fc
    .tuple(small, small)
    .map(
      ([id, item]) =>
        `insert into store.mark values (${id}, ${1 + (item % 24)}, ${id % 4}, 'b') on conflict do nothing`,
    ),
);

test('any subscription, after any writes', async () => {
  let next = 0;
  const opened: { id: string; sub: (typeof PEOPLE)[number]; text: string }[] = [];
  const sockets = new Map(
    await Promise.all(
      PEOPLE.map(async (sub) => {
        const socket = await connect(api, {
          Authorization: `Bearer ${tokenFor({ role: 'authenticated', sub })}`,
        });
        return [sub, socket] as const;
      }),
    ),
  );
  const lastOf = ({ id, sub }: (typeof opened)[number]) =>
    sockets.get(sub)?.heard.findLast((message) => message.id === id);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(selection, fc.constantFrom(...PEOPLE)), { minLength: 1, maxLength: 3 }),
      fc.array(fc.array(write, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
      async (subscribers, transactions) => {
        for (const [text, sub] of subscribers) {
          next += 1;
          const id = String(next);
          opened.push({ id, sub, text });
          sockets.get(sub)?.send({ type: 'subscribe', id, payload: { query: `subscription { ${text} }` } });
        }
        for (const statements of transactions) await database.query(`begin; ${statements.join(';')}; commit`);
        for (const { id, sub } of opened.splice(0, Math.max(0, opened.length - KEPT))) {
          sockets.get(sub)?.send({ type: 'complete', id });
        }
        // those of earlier runs have to be right as well
        for (const one of opened) {
          const { json } = await api.request('POST', '/graphql/v1', {
            as: { role: 'authenticated', sub: one.sub },
            body: { query: `{ ${one.text} }` },
          });
          expect(json.errors).toBeUndefined();
          await expect
            .poll(() => lastOf(one)?.payload, { timeout: 5000, interval: 5 })
            .toEqual({ data: json.data });
        }
      },
    ),
    { numRuns: 40, endOnFailure: true },
  );
}, 60_000);
