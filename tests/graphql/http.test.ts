/**
 * GraphQL over HTTP: the audit of graphql-http, every `must` of it, and what the audit does not ask.
 */
import { serverAudits } from 'graphql-http';
import { describe, expect, test } from 'vitest';
import { PATH, useLibrary } from './fixture.ts';

const library = useLibrary({
  'graphql-max-batch': 2,
  'graphql-max-document-size': 500,
  'graphql-max-depth': 6,
  'graphql-max-fields': 20,
  'graphql-max-aliases': 3,
});

const withPage = useLibrary({ 'graphql-ui': true });

const audits = serverAudits({
  url: () => `${library.api.origin}${PATH}`,
  fetchFn: fetch,
});

test('the audit has its musts', () => {
  expect(audits.filter(({ name }) => name.startsWith('MUST')).length).toBeGreaterThan(10);
});

test.each(audits.filter(({ name }) => name.startsWith('MUST')).map((audit) => [audit.name, audit] as const))(
  '%s',
  async (_, audit) => {
    const result = await audit.fn();
    expect(result.status === 'ok' ? '' : result.reason).toBe('');
  },
);

describe('requests', () => {
  const send = (body: unknown, headers: Record<string, string> = {}) =>
    library.api.request('POST', PATH, { body, headers });

  test('a GET answers a query', async () => {
    const query = encodeURIComponent('query A($a: Int!) { add(a: $a) }');
    const answer = await library.api.request('GET', `${PATH}?query=${query}&variables=%7B%22a%22%3A1%7D`);
    expect(answer.json).toEqual({ data: { add: 2 } });
  });

  test('a GET writes nothing', async () => {
    const query = encodeURIComponent('mutation { __typename }');
    const answer = await library.api.request('GET', `${PATH}?query=${query}`, { as: 'authenticated' });
    expect([answer.status, answer.json.errors[0].extensions.code]).toEqual([405, 'AURA304']);
  });

  test.each([
    ['no query', {}, 400, 'AURA300'],
    ['a query that is no text', { query: 1 }, 400, 'AURA300'],
    ['variables that are no object', { query: '{__typename}', variables: [] }, 400, 'AURA300'],
    ['no JSON', '{', 400, 'AURA300'],
    ['an empty list', [], 400, 'AURA300'],
    ['a list that is too long', Array.from({ length: 3 }, () => ({ query: '{__typename}' })), 400, 'AURA301'],
  ])('%s is refused', async (_, body, status, code) => {
    const answer = await send(body, { 'Content-Type': 'application/json' });
    expect([answer.status, answer.json.errors[0].extensions.code]).toEqual([status, code]);
  });

  test('another media type is refused', async () => {
    const answer = await send('query { __typename }', { 'Content-Type': 'application/graphql' });
    expect([answer.status, answer.json.errors[0].extensions.code]).toEqual([415, 'AURA302']);
  });

  test('a client that accepts nothing that there is is told', async () => {
    const answer = await send({ query: '{__typename}' }, { Accept: 'text/csv' });
    expect([answer.status, answer.json.errors[0].extensions.code]).toEqual([406, 'AURA303']);
  });

  test('a list is answered by a list, whatever becomes of its members', async () => {
    const { json, status } = await send([{ query: '{ add(a: 1) }' }, { query: '{ nothing }' }]);
    expect(status).toBe(200);
    expect(json[0]).toEqual({ data: { add: 2 } });
    expect(json[1].errors[0].message).toContain('Cannot query field "nothing"');
  });

  test('a wrong token is refused before anything is looked at', async () => {
    const answer = await send({ query: '{ nothing }' }, { Authorization: 'Bearer a.b.c' });
    expect([answer.status, answer.json.errors[0].extensions.code]).toEqual([401, 'PGRST301']);
    expect(answer.json.data).toBeUndefined();
  });

  test('a preflight is answered', async () => {
    const answer = await library.api.request('OPTIONS', PATH, {
      headers: { Origin: 'https://app.example', 'Access-Control-Request-Method': 'POST' },
    });
    expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([200, '*']);
  });
});

describe('GraphiQL', () => {
  const browser = { Accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

  test('is a page that fetches nothing from elsewhere', async () => {
    const { status, headers, body } = await withPage.api.request('GET', PATH, { headers: browser });
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    // what is behind the first script is a program, which holds markup of its own
    const head = body.slice(0, body.indexOf('<script'));
    expect(head).toContain('<div id="root">');
    expect(head).not.toMatch(/\b(?:src|href)="(?!data:)/);
    expect(body).not.toMatch(/<script[^>]+src=/);
    const query = encodeURIComponent('{ add(a: 1) }');
    const answer = await withPage.api.request('GET', `${PATH}?query=${query}`, { headers: browser });
    expect(answer.json).toEqual({ data: { add: 2 } });
  });

  test('is only served where it is told to be', async () => {
    expect((await library.api.request('GET', PATH, { headers: browser })).status).toBe(400);
  });
});

describe('limits', () => {
  test.each([
    ['a long document', `{ add(a: 1) ${' '.repeat(500)} }`, 'graphql-max-document-size'],
    ['a deep one', '{ bookCollection { edges { node { author { profile { author { id } } } } } } }', 'depth'],
    [
      'many fields',
      `{ ${Array.from({ length: 21 }, () => '...F').join(' ')} } fragment F on Query { add(a: 1) }`,
      'fields',
    ],
    ['many aliases', '{ a: add(a: 1) b: add(a: 1) c: add(a: 1) d: add(a: 1) }', 'aliases'],
  ])('%s is refused', async (_, query, setting) => {
    const [error] = await library.errors(query);
    expect(error.extensions.hint).toContain(setting);
  });

  test('fragments that contain themselves are refused', async () => {
    const [error] = await library.errors(
      '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }',
    );
    expect(error.message).toContain('Cannot spread fragment "A" within itself');
  });
});

describe('bad input', () => {
  test.each([
    ['syntax', '{ add(a: 1', 'Syntax Error'],
    ['an unknown field', '{ nothing }', 'Cannot query field "nothing" on type "Query"'],
    ['an unknown argument', '{ add(a: 1, z: 2) }', 'Unknown argument "z"'],
    ['a missing argument', '{ add }', 'argument "a" of type "Int!" is required'],
    ['a value of another type', '{ add(a: "x") }', 'Int cannot represent non-integer value'],
    ['no operation', 'fragment F on Query { __typename }', 'Fragment "F" is never used'],
  ])('%s is refused with its place', async (_, query, message) => {
    const answer = await library.post(query, { headers: { Accept: 'application/graphql-response+json' } });
    expect(answer.status).toBe(400);
    expect(answer.json.data).toBeUndefined();
    expect(answer.json.errors[0].message).toContain(message);
    expect(answer.json.errors[0].locations.length).toBeGreaterThan(0);
  });

  test('a wrong variable is refused', async () => {
    const [error] = await library.errors('query A($a: Int!) { add(a: $a) }', { variables: { a: 'x' } });
    expect(error.message).toContain('Variable "$a" got invalid value "x"');
  });

  test('of several operations one has to be named', async () => {
    const query = 'query A { add(a: 1) } query B { add(a: 2) }';
    expect(await library.data(query, { operationName: 'B' })).toEqual({ add: 3 });
    expect((await library.errors(query))[0].message).toContain('Must provide operation name');
    expect((await library.errors(query, { operationName: 'C' }))[0].message).toContain(
      'Unknown operation named "C"',
    );
  });
});
