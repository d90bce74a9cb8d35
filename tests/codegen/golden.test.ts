/**
 * Everything that is generated, whole, for the shop and for the example project. Renew with
 * `npx vitest run tests/codegen -u`. The TypeScript among it is part of the repository's type check.
 */
import { buildSchema, validateSchema } from 'graphql';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildModel, type Model, type PrintOptions, targets } from '../../codegen/index.ts';
import { printDefinition } from '../../server/graphql/definition.ts';
import { modelOf, shopCatalog, tracksCatalog } from './fixture.ts';

const models = new Map<string, Model>();
beforeAll(async () => {
  models.set('shop', modelOf(await shopCatalog()));
  models.set('tracks', modelOf(await tracksCatalog()));
});

const PLAIN: PrintOptions = { brandDomains: false, format: null };

const print = (name: string, target: string, options: Partial<PrintOptions> = {}): string =>
  targets.get(target)?.print(models.get(name) ?? { schemas: [] }, { ...PLAIN, ...options }) ?? '';

const golden = (file: string): string => `../golden/codegen/${file}`;

describe.each(['shop', 'tracks'])('%s', (name) => {
  test('as TypeScript', async () => {
    await expect(print(name, 'types')).toMatchFileSnapshot(golden(`${name}.types.ts`));
  });

  test('as Zod schemas', async () => {
    await expect(print(name, 'zod')).toMatchFileSnapshot(golden(`${name}.zod.ts`));
  });

  test.each([
    ['python', 'py'],
    ['dart', 'dart'],
    ['go', 'go'],
  ])('as %s', async (target, end) => {
    await expect(print(name, target)).toMatchFileSnapshot(golden(`${name}.${end}`));
  });

  test('as a diagram', async () => {
    await expect(print(name, 'erd')).toMatchFileSnapshot(golden(`${name}.mermaid`));
    await expect(print(name, 'erd', { format: 'svg' })).toMatchFileSnapshot(golden(`${name}.svg`));
  });
});

describe.each([
  ['shop', shopCatalog],
  ['tracks', tracksCatalog],
])('%s', (name, load) => {
  test('as a GraphQL schema, plain and extended', async () => {
    const catalog = await load();
    const print = (isExtended: boolean): string => printDefinition(catalog, catalog.schemas, isExtended);
    await expect(print(false)).toMatchFileSnapshot(golden(`${name}.graphql`));
    await expect(print(true)).toMatchFileSnapshot(golden(`${name}.extended.graphql`));
    for (const isExtended of [false, true])
      expect(validateSchema(buildSchema(print(isExtended)))).toEqual([]);
  });
});

test('domains as types of their own', async () => {
  await expect(print('shop', 'types', { brandDomains: true })).toMatchFileSnapshot(golden('shop.branded.ts'));
});

test('the same schema gives the same text', async () => {
  const again = modelOf(await shopCatalog());
  for (const [name, target] of targets) {
    for (const format of target.formats) {
      const options = { ...PLAIN, format };
      expect(target.print(again, options), name).toBe(print('shop', name, options));
    }
  }
});

test('an empty schema prints, too', () => {
  const none = buildModel(
    {
      serverVersion: 180_000,
      schemas: ['none'],
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
    },
    { schemas: [], trustForeignKeys: false },
  );
  for (const { print: printOne, formats } of targets.values()) {
    for (const format of formats) expect(printOne(none, { ...PLAIN, format })).toMatch(/\n$/);
  }
});
