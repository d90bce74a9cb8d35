/**
 * Whatever is wrong with a request, it is answered as the client's fault, with a code, and the server goes on.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import type { ApiAnswer, ApiRequest } from '../support/api.ts';
import { startShop, useShop } from './fixture.ts';

const shop = useShop();

const expectRefusal = (answer: ApiAnswer, what: string): void => {
  expect(answer.status, `${what}: ${answer.body}`).toBeGreaterThanOrEqual(400);
  expect(answer.status, `${what}: ${answer.body}`).toBeLessThan(500);
  expect(answer.json?.code, `${what}: ${answer.body}`).toMatch(/^(?:PGRST\d{3}|AURA\d{3}|[0-9A-Z]{5})$/);
};

afterEach(async () => {
  expect((await shop.request('GET', '/numbers?n=eq.1')).json).toEqual([{ n: 1, word: 'w1' }]);
});

const PLACES = {
  'a relation': (text: string) => `/${text}`,
  'a relation’s end': (text: string) => `/books${text}`,
  'a function': (text: string) => `/rpc/${text}`,
  'a parameter’s name': (text: string) => `/books?${text}=eq.1`,
  'a filter': (text: string) => `/books?title=eq.${text}`,
  'a filter that is none': (text: string) => `/books?title=${text}`,
  'a list': (text: string) => `/books?title=in.(a,${text})`,
  'a pattern': (text: string) => `/books?title=like.${text}*`,
  'an is': (text: string) => `/books?title=is.${text}`,
  'a text search': (text: string) => `/books?about=plfts.${text}`,
  'a text search’s language': (text: string) => `/books?about=fts(${text}).a`,
  'a tree': (text: string) => `/books?or=(title.eq.${text},id.eq.1)`,
  'an embed’s filter': (text: string) => `/books?select=id,reviews(id)&reviews.body=eq.${text}`,
  'a select': (text: string) => `/books?select=${text}`,
  'an alias': (text: string) => `/books?select=${text}:id`,
  'a quoted alias': (text: string) => `/books?select="${text}":id`,
  'a cast': (text: string) => `/books?select=id::${text}`,
  'a path': (text: string) => `/books?select=attributes->${text}`,
  'a quoted path': (text: string) => `/books?select=attributes->"${text}"`,
  'an embed': (text: string) => `/books?select=${text}(id)`,
  'a hint': (text: string) => `/books?select=authors!${text}(id)`,
  'an order': (text: string) => `/books?order=${text}`,
  'an order of an embed': (text: string) => `/books?select=id,publishers(id)&order=publishers(${text})`,
  'an argument': (text: string) => `/rpc/echo?a=${text}`,
  'an argument’s name': (text: string) => `/rpc/add?${text}=1`,
  'an argument that is there': (text: string) => `/rpc/args?t=${text}`,
  columns: (text: string) => `/notes?columns=${text}`,
  on_conflict: (text: string) => `/notes?on_conflict=${text}`,
} as const;

const METHODS = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS'];
const NOT_UTF8 = ['%FF', '%C3%28', '%C0%80', '%ED%A0%80', '%F4%90%80%80', 'a%80', '%E2%82'];
const ODD =
  '% %zz %2 %25%30%30 " %5C \' %22%22 ( ) () . .. , : :: -> ->> ! * $1 -- ; %0A %0D%0A %09 %7F %E2%80%AE %F0%9F%98%80 %EF%BF%BF'
    .split(' ')
    .concat(
      '%CC%81 {} [] 1e400 -0 null __proto__ constructor toString %C2%A0 %E3%80%80'.split(' '),
      'x'.repeat(3000),
    );

describe.each(Object.entries(PLACES))('in %s', (what, path) => {
  test('NUL is refused', async () => {
    const tries = ['%00', 'a%00b', '%2500%00'].flatMap((text) => METHODS.map((method) => ({ text, method })));
    await Promise.all(
      tries.map(async ({ text, method }) => {
        const body = method === 'POST' || method === 'PATCH' ? {} : undefined;
        const answer = await shop.request(method, path(text), { body });
        if (method === 'HEAD') expect([400, 404, 406], what).toContain(answer.status);
        else expectRefusal(answer, `${method} ${what}`);
      }),
    );
  });

  test('what is no UTF-8 is refused', async () => {
    await Promise.all(
      NOT_UTF8.map(async (text) => {
        const answer = await shop.request('GET', path(text));
        expect(answer.json?.code, `${what} ${text}: ${answer.body}`).toBe('AURA104');
      }),
    );
  });

  test('anything else is an answer or a refusal, never a defect', async () => {
    await Promise.all(
      ODD.map(async (text) => {
        const answer = await shop.request('GET', path(text));
        expect(answer.status, `${what} ${text}: ${answer.body}`).toBeLessThan(500);
        if (answer.status >= 400) expectRefusal(answer, `${what} ${text}`);
      }),
    );
  });
});

test.each<[string, string, Buffer | string, string?]>([
  ['nothing at all', 'application/json', ''],
  ['white space', 'application/json', '  \n'],
  ['half an object', 'application/json', '{"title": "a"'],
  ['a trailing comma', 'application/json', '{"title": "a",}'],
  ['single quotes', 'application/json', "{'title': 'a'}"],
  ['two documents', 'application/json', '{} {}'],
  ['a bare word', 'application/json', 'title'],
  ['NaN', 'application/json', '{"amount": NaN}'],
  ['a NUL', 'application/json', '{"title": "a\0b"}'],
  ['an escaped NUL', 'application/json', '{"title": "a\\u0000b"}'],
  ['an escaped NUL in a key', 'application/json', '{"tit\\u0000le": "a"}'],
  ['half a surrogate pair', 'application/json', '{"title": "\\uD800"}'],
  ['half a surrogate pair in a key', 'application/json', '{"\\uDC00": "a"}'],
  [
    'bytes that are no UTF-8',
    'application/json',
    Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    'AURA104',
  ],
  ['UTF-16', 'application/json', Buffer.from('{"title": "a"}', 'utf16le')],
  ['objects among others', 'application/json', '[{"title": "a"}, 1]', 'PGRST102'],
  ['a list of lists', 'application/json', '[[1]]', 'PGRST102'],
  ['a list of texts', 'application/json', '["a"]', 'PGRST102'],
  [
    'a hundred thousand levels',
    'application/json',
    `{"extra": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    'AURA103',
  ],
  ['brackets that never close', 'application/json', '['.repeat(100_000)],
  ['a number with a million digits', 'application/json', `{"amount": ${'9'.repeat(1_000_000)}}`],
  ['an exponent beyond everything', 'application/json', '{"price": 1e999999999}'],
  ['a key of a million letters', 'application/json', `{"${'k'.repeat(1_000_000)}": 1}`, 'PGRST204'],
  ['__proto__', 'application/json', '{"__proto__": {"title": "a"}}', 'PGRST204'],
  ['the constructor', 'application/json', '{"constructor": 1}', 'PGRST204'],
  ['JSON as CSV', 'text/csv', '{"title": "a"}'],
  ['CSV with a NUL', 'text/csv', 'title\na\0b\n'],
  ['CSV that is no UTF-8', 'text/csv', Buffer.from([0x74, 0x0a, 0xff, 0x0a]), 'AURA104'],
  ['CSV with an open quote', 'text/csv', 'title\n"a', 'PGRST102'],
  ['CSV with a column too many', 'text/csv', 'title\na,b\n', 'PGRST102'],
  ['CSV with __proto__', 'text/csv', '__proto__\na\n', 'PGRST204'],
  ['a form with a NUL', 'application/x-www-form-urlencoded', 'title=a%00b'],
  [
    'a form that is no UTF-8',
    'application/x-www-form-urlencoded',
    Buffer.from([0x74, 0x3d, 0xff]),
    'AURA104',
  ],
  ['a form with an escape that is no UTF-8', 'application/x-www-form-urlencoded', 'title=%FF', 'AURA104'],
  ['a form with __proto__', 'application/x-www-form-urlencoded', '__proto__=a', 'PGRST204'],
  ['text', 'text/plain', 'title', 'PGRST102'],
  ['bytes', 'application/octet-stream', Buffer.from([0, 1]), 'PGRST102'],
  ['a type that is none', 'nonsense', '{}', 'PGRST102'],
  ['an empty type', '', 'x'],
  ['multipart', 'multipart/form-data; boundary=x', '--x--', 'PGRST102'],
])('a body with %s is refused', async (_what, type, body, code) => {
  for (const [method, path] of [
    ['POST', '/notes'],
    ['POST', '/notes?columns=title,extra,amount,price'],
    ['PATCH', '/notes?id=eq.0'],
  ] as const) {
    const answer = await shop.request(method, path, {
      body,
      headers: { 'Content-Type': type, Prefer: 'tx=rollback' },
    });
    // with columns the body’s keys are not looked at, and PATCH of no row may never look at the values
    if (answer.status < 400 && (path.includes('columns') || method === 'PATCH')) continue;
    expectRefusal(answer, `${method} ${path}`);
    if (code !== undefined && path === '/notes') expect(answer.json.code, answer.body).toBe(code);
  }
});

test.each<[string, string, string, Buffer | string]>([
  ['text with a NUL', 'echo_text', 'text/plain', 'a\0b'],
  ['text that is no UTF-8', 'echo_text', 'text/plain', Buffer.from([0x61, 0xff])],
  ['XML that is none', 'echo_xml', 'text/xml', '<a>'],
  ['XML with a NUL', 'echo_xml', 'text/xml', '<a>\0</a>'],
  ['XML that is nested deeply', 'echo_xml', 'text/xml', '<a>'.repeat(100_000)],
  [
    'XML with entities that grow',
    'echo_xml',
    'text/xml',
    '<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;">]><a>&d;</a>',
  ],
  ['JSON that is none', 'echo_json', 'application/json', '{'],
  ['JSON that is nested deeply', 'echo_json', 'application/json', '{"a":'.repeat(50_000)],
  ['arguments of the wrong kind', 'add', 'application/json', '{"a": {}}'],
  ['arguments that overflow', 'add', 'application/json', '{"a": 2147483647, "b": 1}'],
  ['a form with a NUL', 'args', 'application/x-www-form-urlencoded', 't=%00'],
  ['a form that is no UTF-8', 'args', 'application/x-www-form-urlencoded', 't=%FF'],
  ['an argument that is no document', 'args', 'application/x-www-form-urlencoded', 'j={'],
  [
    'an argument that is nested deeply',
    'args',
    'application/x-www-form-urlencoded',
    `jb=${'['.repeat(50_000)}`,
  ],
])('a function called with %s is refused', async (_what, name, type, body) => {
  expectRefusal(
    await shop.request('POST', `/rpc/${name}`, { body, headers: { 'Content-Type': type } }),
    name,
  );
});

test.each([
  ['/books?id=eq.99999999999999999999', '22003'],
  ['/books?id=in.(1,99999999999999999999)', '22003'],
  ['/traps?big=eq.9223372036854775808', '22003'],
  ['/books?rating=eq.1e999', '22003'],
  ['/books?published=eq.99999999-01-01', '22008'],
  ['/books?select=attributes->99999999999', '22003'],
  ['/books?offset=-1', '2201X'],
  ['/rpc/add?a=2147483648', '22003'],
])('a number that is too large is refused: %s', async (path, code) => {
  const answer = await shop.request('GET', path);
  expectRefusal(answer, path);
  expect(answer.json.code).toBe(code);
});

test('more columns than PostgreSQL can answer are refused', async () => {
  const select = Array.from({ length: 1700 }, (_, index) => `a${index}:n`).join(',');
  const answer = await shop.request('GET', `/numbers?select=${select}`);
  expectRefusal(answer, 'select');
  expect(answer.json.code).toBe('54011');
});

test('a value that is too long for its index is refused', async () => {
  await shop.database.query('create index notes_body on shop.notes (body)');
  // PostgreSQL cannot make noise any smaller
  const body = randomBytes(20_000).toString('base64');
  const answer = await shop.request('POST', '/notes', { body: { body } });
  expectRefusal(answer, 'body');
  expect(answer.json.code).toBe('54000');
  await shop.database.query('drop index shop.notes_body');
});

test('nesting is bounded in every parameter that can nest', async () => {
  const nest = (open: string, depth: number, inside: string): string =>
    `${open.repeat(depth)}${inside}${')'.repeat(depth)}`;
  const paths = [
    `/books?select=${nest('reviews(', 500, 'id')}`,
    `/books?and=(${nest('and(', 500, 'id.eq.1')})`,
    `/books?or=(${nest('not.or(', 500, 'id.eq.1')})`,
    `/books?select=${'reviews('.repeat(1000)}`,
    `/books?order=${'publishers('.repeat(1000)}`,
    `/books?id=in.${'('.repeat(5000)}`,
  ];
  for (const path of paths) expectRefusal(await shop.request('GET', path), path.slice(0, 40));
});

test.each<[string, Record<string, string>]>([
  ['Accept', { Accept: '\u00ff/\u00fe' }],
  ['Accept of commas', { Accept: ',,,;;;q=x' }],
  ['Accept without end', { Accept: 'a/b,'.repeat(5000) }],
  [
    'Accept of itself',
    { Accept: `application/vnd.pgrst.plan; for="${'application/vnd.pgrst.plan; for='.repeat(50)}"` },
  ],
  ['Prefer', { Prefer: 'return=\u00ff, count=, =, ,,' }],
  ['Prefer without end', { Prefer: 'a=b,'.repeat(10_000) }],
  ['a count without end', { Prefer: `handling=strict, max-affected=${'9'.repeat(5000)}` }],
  ['a negative count', { Prefer: 'handling=strict, max-affected=-1' }],
  ['a time zone', { Prefer: "timezone=' or 1=1 --" }],
  ['a time zone of NULs', { Prefer: 'timezone=\u00c0\u0080' }],
  ['Range', { Range: `${'9'.repeat(500)}-${'9'.repeat(500)}` }],
  ['Authorization', { Authorization: 'Bearer \u00ff.\u00fe.\u00fd' }],
  ['Authorization of dots', { Authorization: `Bearer ${'.'.repeat(5000)}` }],
  ['Cookie', { Cookie: '\u00ff=\u00fe; =; ;;; a' }],
  ['Content-Profile', { 'Accept-Profile': '\u00ff' }],
  ['a header of the prototype', { __proto__x: 'a', constructor: 'b', 'to-string': 'c' }],
  ['X-HTTP-Method-Override', { 'X-HTTP-Method-Override': '\u00ff' }],
  ['Origin', { Origin: '\u00ff' }],
  ['Content-Type', { 'Content-Type': '\u00ff/\u00ff; charset=\u00ff' }],
  ['If-None-Match', { 'If-None-Match': '"\u00ff' }],
])('odd headers are an answer or a refusal, never a defect: %s', async (_what, headers) => {
  for (const [method, path] of [
    ['GET', '/numbers?n=lt.3'],
    ['HEAD', '/numbers'],
    ['DELETE', '/notes?id=eq.0'],
    ['POST', '/rpc/request_context'],
    ['OPTIONS', '/notes'],
  ] as const) {
    const answer = await shop.request(method, path, { headers });
    expect(answer.status, `${method} ${answer.body}`).toBeLessThan(500);
    if (answer.status >= 400 && method !== 'HEAD') expectRefusal(answer, method);
  }
});

// HTTP itself ----------------------------------------------------------------------------------------------------

const END = 'Host: x\r\nConnection: close\r\n\r\n';

/** Status and code of what comes back. */
const sent = async (...parts: (string | Buffer)[]): Promise<{ status: number; code: string | undefined }> => {
  const text = await shop.api.raw(...parts);
  return { status: Number(text.slice(9, 12)), code: /"code":"(\w+)"/.exec(text)?.[1] };
};

test.each<[string, string | Buffer, number, string | undefined]>([
  ['no HTTP', 'hello\r\n\r\n', 400, 'AURA010'],
  ['TLS', Buffer.from('16030100a5010000a10303', 'hex'), 400, 'AURA010'],
  ['a method that is none', `FOO /rest/v1/books HTTP/1.1\r\n${END}`, 400, 'AURA010'],
  ['a method in lower case', `get /rest/v1/books HTTP/1.1\r\n${END}`, 400, 'AURA010'],
  ['a method that REST does not have', `PROPFIND /rest/v1/books HTTP/1.1\r\n${END}`, 405, 'PGRST117'],
  ['TRACE', `TRACE /rest/v1/books HTTP/1.1\r\n${END}`, 405, 'PGRST117'],
  ['raw UTF-8 in the URL', `GET /rest/v1/books?title=eq.é HTTP/1.1\r\n${END}`, 400, 'AURA010'],
  ['a space in the URL', `GET /rest/v1/books?title=eq.a b HTTP/1.1\r\n${END}`, 400, 'AURA010'],
  ['a NUL in the URL', `GET /rest/v1/books?title=eq.\0 HTTP/1.1\r\n${END}`, 400, 'AURA010'],
  ['a NUL in a header', `GET /rest/v1/books HTTP/1.1\r\nX: a\0b\r\n${END}`, 400, 'AURA010'],
  ['no host', 'GET /rest/v1/books HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'AURA010'],
  [
    'a host that is none',
    'GET /rest/v1/books HTTP/1.1\r\nHost: x y\r\nConnection: close\r\n\r\n',
    400,
    'AURA010',
  ],
  ['a backslash in the path', `GET /rest/v1/books\\..\\x HTTP/1.1\r\n${END}`, 400, 'AURA010'],
  ['no number for a length', `POST /rest/v1/notes HTTP/1.1\r\nContent-Length: x\r\n${END}`, 400, 'AURA010'],
  [
    'two lengths',
    `POST /rest/v1/notes HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n${END}{}`,
    400,
    'AURA010',
  ],
  [
    'a length and chunks',
    `POST /rest/v1/notes HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n${END}{}`,
    400,
    'AURA010',
  ],
  [
    'an encoding that is none',
    `POST /rest/v1/notes HTTP/1.1\r\nTransfer-Encoding: what\r\n${END}{}`,
    400,
    'AURA010',
  ],
  [
    'a chunk that is none',
    `POST /rest/v1/notes HTTP/1.1\r\nTransfer-Encoding: chunked\r\n${END}zz\r\n`,
    400,
    undefined,
  ],
  ['a header without a name', `GET /rest/v1/books HTTP/1.1\r\n: x\r\n${END}`, 400, 'AURA010'],
  ['a folded header', `GET /rest/v1/books HTTP/1.1\r\nX: a\r\n b\r\n${END}`, 400, 'AURA010'],
  [
    'headers without end',
    `GET /rest/v1/books HTTP/1.1\r\n${'X: y\r\n'.repeat(60_000)}${END}`,
    431,
    'AURA011',
  ],
  ['a URL without end', `GET /rest/v1/books?${'x'.repeat(98_400)} HTTP/1.1\r\n${END}`, 431, 'AURA011'],
  ['a URL that is too long', `GET /rest/v1/books?${'x'.repeat(20_000)} HTTP/1.1\r\n${END}`, 414, 'AURA100'],
  ['a path outside of REST', `GET /rest HTTP/1.1\r\n${END}`, 404, 'PGRST125'],
  ['a path that climbs', `GET /rest/v1/../../etc/passwd HTTP/1.1\r\n${END}`, 404, undefined],
  ['a prefix that is encoded', `GET /%72est/v1/books HTTP/1.1\r\n${END}`, 404, 'PGRST125'],
  ['an asterisk', `OPTIONS * HTTP/1.1\r\n${END}`, 400, 'AURA010'],
])('%s is refused', async (_what, bytes, status, code) => {
  const answer = await sent(bytes);
  expect(answer.status).toBe(status);
  if (code !== undefined) expect(answer.code).toBe(code);
});

test('what is unusual but HTTP is served', async () => {
  const ok = { status: 200, code: undefined };
  expect(await sent('GET /rest/v1/numbers?n=eq.1 HTTP/1.0\r\n\r\n')).toEqual(ok);
  expect(await sent(`GET http://x/rest/v1/numbers?n=eq.1 HTTP/1.1\r\n${END}`)).toEqual(ok);
  expect(await sent(`GET /rest/v1/numbers?n=eq.1#part HTTP/1.1\r\n${END}`)).toMatchObject({
    status: expect.toSatisfy((status) => status < 500),
  });
  expect(await sent(`GET /rest/v1//numbers?n=eq.1 HTTP/1.1\r\n${END}`)).toMatchObject({ status: 404 });
  expect(await sent(`GET /rest/v1/numbers/?n=eq.1 HTTP/1.1\r\n${END}`)).toEqual(ok);
  expect(await sent(`GET /rest/v1/numbers?n=eq.1&&&=&x&=y HTTP/1.1\r\n${END}`)).toEqual(ok);
  expect(await sent(`\r\nGET /rest/v1/numbers?n=eq.1 HTTP/1.1\r\n${END}`)).toEqual(ok);
  const chunks = `POST /rest/v1/rpc/add HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n${END}3\r\n{"a\r\n5\r\n": 1}\r\n0\r\n\r\n`;
  expect(await sent(chunks)).toEqual(ok);
  const continued = `POST /rest/v1/rpc/add HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 8\r\n${END}`;
  expect(await shop.api.raw(continued, '{"a": 1}')).toMatch(
    /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/,
  );
  const many = await shop.api.raw(
    `GET /rest/v1/numbers?n=eq.1 HTTP/1.1\r\nHost: x\r\n\r\nGET /rest/v1/numbers?n=eq.2 HTTP/1.1\r\n${END}`,
  );
  expect(many.match(/"n":\d/g)).toEqual(['"n":1', '"n":2']);
});

test('bodies that are larger than allowed are refused, whatever length they announce', async () => {
  const small = await startShop(shop.database, { 'server-max-body-size': 1000 });
  const large = JSON.stringify({ title: 'x'.repeat(5000) });
  const announced = await small.request('POST', '/notes', {
    body: large,
    headers: { 'Content-Type': 'application/json' },
  });
  expect([announced.status, announced.json.code, announced.headers.connection]).toEqual([
    413,
    'AURA101',
    'close',
  ]);
  const head = 'POST /rest/v1/notes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
  const chunked = await small.raw(
    `${head}Transfer-Encoding: chunked\r\n\r\n`,
    `${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`,
  );
  expect(chunked).toMatch(/^HTTP\/1\.1 413 .*\r\n/);
  expect(chunked).toContain('"code":"AURA101"');
  const onlySaid = await small.raw(`${head}Content-Length: 999999999\r\n\r\n`);
  expect(onlySaid).toMatch(/^HTTP\/1\.1 413 /);
  const exact = JSON.stringify({ title: 'x'.repeat(1000 - 12) });
  expect(exact).toHaveLength(1000);
  const fits = await small.request('POST', '/notes', {
    body: exact,
    headers: { 'Content-Type': 'application/json', Prefer: 'tx=rollback' },
  });
  expect(fits.status).toBe(201);
  await small.close();
});

test('a body that ends early, or a client that is gone, harms nobody', async () => {
  const half =
    'POST /rest/v1/notes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"title": "half';
  const ended = shop.api.socket();
  let answer = '';
  ended.on('data', (chunk: Buffer) => {
    answer += chunk;
  });
  ended.end(half);
  await once(ended, 'close');
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer).toContain('"code":"AURA105"');
  const reset = shop.api.socket();
  await once(reset, 'connect');
  reset.write(half);
  reset.resetAndDestroy();
  const slow = shop.api.socket();
  slow.write('GET /rest/v1/numbers HTTP/1.1\r\nHost: x\r\n\r\n');
  slow.destroy();
  const { rows } = await shop.database.query(`select from shop.notes where title like 'half%'`);
  expect(rows).toEqual([]);
});

test('the filters of a request are bounded, in trees and embeds, too', async () => {
  const few = await startShop(shop.database, { 'db-max-filters': 3 });
  const status = async (query: string): Promise<unknown> => {
    const { status: found, json } = await few.request('GET', `/books?select=id,reviews(id)&${query}`);
    return found === 200 ? 200 : json.code;
  };
  expect(await status('id=gt.0&id=gt.1&reviews.id=gt.0')).toBe(200);
  expect(await status('id=gt.0&id=gt.1&reviews.id=gt.0&pages=gt.1')).toBe('AURA102');
  expect(await status('or=(id.eq.1,id.eq.2,and(id.eq.3))')).toBe(200);
  expect(await status('or=(id.eq.1,id.eq.2,and(id.eq.3,id.eq.4))')).toBe('AURA102');
  expect(await status('id=gt.0&or=(id.eq.1,id.eq.2)&reviews.or=(id.eq.1)')).toBe('AURA102');
  expect(await status('id=in.(1,2,3,4,5,6)')).toBe(200);
  await few.close();
});

test('a statement that takes too long is ended', async () => {
  const impatient = await startShop(shop.database, { 'db-statement-timeout': 1 });
  const answer = await impatient.request('POST', '/rpc/nap', { body: { seconds: 20 } });
  expect(answer.json.code).toBe('57014');
  expect((await impatient.request('GET', '/numbers?n=eq.1')).status).toBe(200);
  await impatient.close();
});

const LONG: ApiRequest = {
  headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'X-HTTP-Method-Override': 'GET' },
};

test('parameters that do not fit into a URL come in the body', async () => {
  const list = Array.from({ length: 20_000 }, (_, index) => index).join(',');
  const overridden = await shop.request('POST', '/numbers?select=n', {
    ...LONG,
    body: `n=in.(${list})&order=n&limit=2`,
  });
  expect([overridden.status, overridden.json]).toEqual([200, [{ n: 1 }, { n: 2 }]]);
  const query = await shop.request('QUERY', '/numbers?select=n', {
    body: 'n=eq.5',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  });
  expect([query.status, query.json]).toEqual([200, [{ n: 5 }]]);
  for (const [headers, body] of [
    [{ 'X-HTTP-Method-Override': 'DELETE' }, 'n=eq.1'],
    [{ 'X-HTTP-Method-Override': 'GET', 'Content-Type': 'application/json' }, '{}'],
  ] as const) {
    const refused = await shop.request('POST', '/numbers', { headers, body });
    expect([refused.status, refused.json.code]).toEqual([400, 'AURA106']);
  }
  const long = await shop.request('POST', '/numbers', { ...LONG, body: `n=in.(${'1,'.repeat(140_000)}1)` });
  expect([long.status, long.json.code, long.json.hint]).toEqual([
    413,
    'AURA101',
    'Send it in parts, or raise server-max-url-length.',
  ]);
  const bytes = await shop.request('POST', '/numbers', { ...LONG, body: Buffer.from([0x6e, 0x3d, 0xff]) });
  expect([bytes.status, bytes.json.code]).toEqual([400, 'AURA104']);
});
