import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { representationKey } from '../../server/catalog/types.ts';
import { nameKey } from '../../server/names.ts';
import { loadPublisher, type PublisherFixture, routines } from './fixture.ts';

let fixture: PublisherFixture;
beforeAll(async () => {
  fixture = await loadPublisher();
});
afterAll(() => fixture.close());

const only = (name: string) => {
  const [routine, ...others] = routines(fixture.catalog, name);
  if (routine === undefined || others.length > 0) throw new Error(`not one routine ${name}`);
  return routine;
};

describe('routines', () => {
  test('overloads are together, fewest parameters first, then by comment and types', () => {
    const found = routines(fixture.catalog, 'add').map((r) => r.parameters.map((p) => `${p.name} ${p.type}`));
    expect(found).toEqual([['a text'], ['a integer', 'b integer'], ['a integer', 'b integer', 'c integer']]);
    expect(routines(fixture.catalog, 'add')[1]?.comment).toBe('Adds');
  });

  test('parameters with a default are not required', () => {
    expect(routines(fixture.catalog, 'add')[1]?.parameters.map((p) => p.required)).toEqual([true, false]);
  });

  test('a variadic parameter is marked', () => {
    expect(only('many')).toMatchObject({
      variadic: true,
      parameters: [{ name: 'words', type: 'text[]', variadic: true }],
      returns: { kind: 'scalar', setOf: true, type: { schema: 'pg_catalog', name: 'text' } },
    });
  });

  test('one unnamed parameter can be the whole body if its type can, and is no reason to be callable else', () => {
    expect(only('take_json').parameters).toEqual([
      { name: '', type: 'json', castType: 'json', required: true, default: null, variadic: false },
    ]);
    expect(routines(fixture.catalog, 'take_int')).toEqual([]);
    expect(routines(fixture.catalog, 'take_two')).toEqual([]);
    expect(only('half_named').parameters.map((p) => [p.name, p.required])).toEqual([
      ['a', true],
      ['', false],
    ]);
  });

  test('bit and character are widened for arguments, so that none is cut', () => {
    expect(only('cut').parameters.map((p) => [p.type, p.castType])).toEqual([
      ['bit', 'bit varying'],
      ['character', 'character varying'],
      ['bit[]', 'bit varying[]'],
      ['character[]', 'character varying[]'],
      ['"char"', '"char"'],
    ]);
    expect(only('cut').returns).toMatchObject({ kind: 'scalar', type: { name: 'void' } });
  });

  test('outputs are no parameters, and inputs keep their names beside them', () => {
    expect(only('outs')).toMatchObject({
      parameters: [
        { name: 'in', type: 'integer' },
        { name: 'inOut', type: 'text' },
      ],
      returns: { kind: 'composite', setOf: false },
    });
    expect(only('table_of')).toMatchObject({
      parameters: [{ name: 'n' }],
      returns: { kind: 'composite', setOf: true },
    });
  });

  test('the result looks through domains', () => {
    expect(only('measured').returns).toMatchObject({
      kind: 'composite',
      setOf: false,
      type: { schema: 'api', name: 'measure' },
      isDomain: true,
      declaredType: 'api.checked_measure',
      outputs: [],
    });
    expect(only('mailed').returns).toMatchObject({
      kind: 'scalar',
      setOf: false,
      type: { schema: 'pg_catalog', name: 'text' },
      isDomain: false,
      declaredType: 'public.work_email',
      outputs: [],
    });
    expect(only('serial').returns).toMatchObject({
      kind: 'composite',
      setOf: true,
      type: { schema: 'api', name: 'books' },
      isDomain: false,
      declaredType: 'api.books',
      outputs: [],
    });
  });

  test("outputs are the result's columns", () => {
    expect(only('outs').returns).toMatchObject({
      declaredType: 'record',
      outputs: [
        { name: 'total', type: 'integer' },
        { name: 'inOut', type: 'text' },
      ],
    });
    expect(only('table_of').returns.outputs).toEqual([
      { name: 'a', type: 'integer' },
      { name: 'b', type: 'text' },
    ]);
    expect(only('many').returns).toMatchObject({ declaredType: 'text', outputs: [] });
  });

  test('isolation, hoisted settings, volatility and security definer are known', () => {
    expect(only('serial')).toMatchObject({
      volatility: 'volatile',
      securityDefiner: true,
      isolation: 'serializable',
      settings: [
        ['default_transaction_isolation', 'serializable'],
        ['statement_timeout', '5s'],
      ],
    });
    expect(only('table_of')).toMatchObject({ volatility: 'stable', securityDefiner: false, isolation: null });
    expect(only('mailed').settings).toEqual([]);
  });

  test('triggers, procedures, aggregates and other schemas are left out', () => {
    for (const name of ['on_write', 'proceed', 'as_tsv', 'ignore']) {
      expect(routines(fixture.catalog, name)).toEqual([]);
    }
    expect(fixture.catalog.routines.has(nameKey('archive', 'found'))).toBe(true);
    expect(fixture.catalog.routines.has(nameKey('public', 'age'))).toBe(false);
  });
});

test('implicit casts of domains by function represent them, other casts do not', () => {
  const { representations } = fixture.catalog;
  expect([...representations.values()]).toEqual([
    { sourceType: 'api.color', targetType: 'json', function: 'api.color_to_json' },
    { sourceType: 'api.color', targetType: 'text', function: 'api."color as Text"' },
    { sourceType: 'text', targetType: 'api.color', function: 'api.color_from_text' },
  ]);
  expect(representations.get(representationKey('api.color', 'json'))?.function).toBe('api.color_to_json');
});

test('media handlers are aggregates over rows or anything, and functions that answer in a type', () => {
  const { mediaHandlers } = fixture.catalog;
  expect(mediaHandlers).toHaveLength(4);
  expect(mediaHandlers).toEqual(
    expect.arrayContaining([
      {
        handler: { schema: 'api', name: 'books_as_html' },
        target: { schema: 'api', name: 'books' },
        mediaType: 'text/html',
        resolvedMediaType: 'text/html',
      },
      {
        handler: { schema: 'api', name: 'as_tsv' },
        target: { schema: 'pg_catalog', name: 'anyelement' },
        mediaType: 'text/tab-separated-values',
        resolvedMediaType: 'Text/Tab-Separated-Values',
      },
      {
        handler: { schema: 'api', name: 'text/html' },
        target: { schema: 'api', name: 'page' },
        mediaType: 'text/html',
        resolvedMediaType: 'text/html',
      },
      {
        handler: { schema: 'api', name: '*/*' },
        target: { schema: 'api', name: 'anything' },
        mediaType: '*/*',
        resolvedMediaType: 'application/octet-stream',
      },
    ]),
  );
});
