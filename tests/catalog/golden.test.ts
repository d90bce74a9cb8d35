/** The whole catalog of the fixture, as `aura inspect` prints it. Renew with `npx vitest run tests/catalog -u`. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderCatalog } from '../../server/catalog/render.ts';
import type { Catalog, Relation } from '../../server/catalog/types.ts';
import { loadPublisher, type PublisherFixture } from './fixture.ts';

let fixture: PublisherFixture;
beforeAll(async () => {
  fixture = await loadPublisher();
});
afterAll(() => fixture.close());

/** What nulls.test.ts looks at: PostgreSQL 15 proves less of a view with an outer join. */
const withoutProofs = (relation: Relation): Relation['columns'] =>
  relation.kind === 'view'
    ? new Map([...relation.columns].map(([name, column]) => [name, { ...column, neverNull: false }]))
    : relation.columns;

/** Without what differs between PostgreSQL's versions and servers: time zones, others' roles, newer privileges. */
const portable = (catalog: Catalog): Catalog => ({
  ...catalog,
  serverVersion: 0,
  roles: new Map([...catalog.roles].filter(([name]) => name.startsWith('aura_test_'))),
  relations: new Map(
    [...catalog.relations].map(([key, relation]) => [
      key,
      {
        ...relation,
        columns: withoutProofs(relation),
        grants: relation.grants.filter((grant) => grant.privilege !== 'MAINTAIN'),
      },
    ]),
  ),
});

/** JSON with what fits on a line on one line, so that people can read a difference. */
const format = (value: unknown, indent = ''): string => {
  const flat = JSON.stringify(value);
  if (typeof value !== 'object' || value === null || indent.length + flat.length <= 140) return flat;
  const inner = `${indent}  `;
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const lines = Array.isArray(value)
    ? value.map((item) => format(item, inner))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${format(item, inner)}`);
  return `${open}\n${lines.map((line) => inner + line).join(',\n')}\n${indent}${close}`;
};

test('the catalog reads as it did', async () => {
  const text = `${format(renderCatalog(portable(fixture.catalog)))}\n`;
  await expect(text).toMatchFileSnapshot('../golden/catalog.json');
});

test('rendering sorts names and keeps odd ones', () => {
  const rendered = renderCatalog({
    ...fixture.catalog,
    schemaComments: new Map([
      ['b', '2'],
      ['__proto__', '1'],
    ]),
  });
  expect(JSON.stringify(rendered)).toContain('"schemaComments":{"__proto__":"1","b":"2"}');
});
