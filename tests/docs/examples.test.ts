/**
 * The HTTP of the documentation, page by page, against the example project: each `http` block is sent, and where
 * a `json`, `ndjson` or `csv` block follows, the answer is held against it. `UPDATE_DOCS=1 npx vitest run
 * tests/docs/examples` writes the answers anew. An `http` block is a request line, headers, an empty line and a body; `http anon` is sent
 * without a token, all others as Mira, who owns the organization Lighthouse. `→ 201` on a line of its own in the
 * block says the status, which is else 200, and `← ETag: "x"` a header of the answer. `{next}` in a path is the
 * cursor of the last answer's link to the next page. Of a `json in part` block only what it has must be in the
 * answer. A request that accepts `text/event-stream` opens a stream; an `events` block behind it, or behind a request
 * that comes later, is what the stream sends then, its bookmarks aside. `{id}` in a header is the last bookmark.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { cursorOf, linksOf } from '../support/pages.ts';
import { type EventTap, openTap } from '../support/tap.ts';
import { loadLiveTracks, loadTracks, people } from '../support/tracks.ts';

const PAGES = [
  'getting-started.md',
  'reading.md',
  'pagination.md',
  'limits.md',
  'writing.md',
  'nested-writes.md',
  'functions.md',
  'batch.md',
  'conditional-requests.md',
  'streaming.md',
  'live-queries.md',
  'channels.md',
  'graphql.md',
  'openapi.md',
] as const;

/** Settings that a page speaks of. */
const SETTINGS: Partial<Record<(typeof PAGES)[number], Record<string, unknown>>> = {
  'limits.md': { 'db-max-aggregate-cost': 200 },
  // its requests name whole paths
  'graphql.md': { 'rest-prefix': '/', 'graphql-extensions': true },
  'channels.md': { 'rest-prefix': '/' },
};

/** SQL that a page says it needs. */
const SETUP: Partial<Record<(typeof PAGES)[number], string>> = {
  'graphql.md': `comment on table tasks is '@graphql({"aggregate": {"enabled": true}})';`,
};

/** Pages that need the capture of changes. */
const LIVE: ReadonlySet<string> = new Set(['live-queries.md', 'channels.md', 'graphql.md']);

const file = (page: string): URL => new URL(`../../docs/${page}`, import.meta.url);

interface Example {
  readonly title: string;
  readonly anonymous: boolean;
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
  readonly status: number;
  /** Of the answer, names in lower case. */
  readonly answered: Record<string, string>;
  /** The text of the block that follows; null = none. */
  readonly answer: string | null;
  /** It is to be read as JSON, not to be compared as it stands. */
  readonly isJson: boolean;
  /** The answer has more than the page shows. */
  readonly inPart: boolean;
  /** It is what the open stream sends. */
  readonly isEvents: boolean;
}

const BLOCK = /^```http( anon)?\n(.*?)^```\n(?:\n```(json|ndjson|csv|events)( in part)?\n(.*?)^```\n)?/gms;

function parseExample(
  flag: string | undefined,
  block: string,
  language: string | undefined,
  part: string | undefined,
  answer: string | undefined,
): Example {
  const status = /^→ (\d+)$/m.exec(block)?.[1];
  const answered = [...block.matchAll(/^← ([^:]+): (.*)$/gm)].map(([, name = '', value = '']) => [
    name.toLowerCase(),
    value,
  ]);
  const [head = '', ...rest] = block
    .replace(/^(?:→ \d+|← .*)\n/gm, '')
    .trim()
    .split('\n\n');
  const [line = '', ...headerLines] = head.split('\n');
  // a long path goes on in indented lines
  const folded = headerLines.filter((text) => text.startsWith(' '));
  const [method = '', ...path] = [line, ...folded.map((text) => text.trim())].join('').split(' ');
  const headers = Object.fromEntries(
    headerLines
      .filter((text) => !text.startsWith(' '))
      .map((text) => text.split(/: (.*)/s) as [string, string]),
  );
  return {
    title: line,
    anonymous: flag !== undefined,
    method,
    path: encodeURI(path.join(' ')).replaceAll('%25', '%'),
    headers,
    body: rest.length === 0 ? undefined : rest.join('\n\n'),
    status: Number(status ?? 200),
    answered: Object.fromEntries(answered),
    answer: answer ?? null,
    isJson: language === 'json',
    inPart: part !== undefined,
    isEvents: language === 'events',
  };
}

const examplesOf = (page: string): Example[] =>
  [...readFileSync(file(page), 'utf8').matchAll(BLOCK)].map(([, flag, block = '', language, part, answer]) =>
    parseExample(flag, block, language, part, answer),
  );

/** One row a line, as the pages show it. */
const show = (value: unknown): string => {
  if (!Array.isArray(value)) return `${JSON.stringify(value, null, 2)}\n`;
  return value.length === 0
    ? '[]\n'
    : `[\n${value.map((row) => `  ${JSON.stringify(row)}`).join(',\n')}\n]\n`;
};

/** How many events a block shows. */
const eventsIn = (block: string | null): number => block?.split('\n\n').length ?? 0;

describe.each(PAGES)('docs/%s', (page) => {
  const examples = examplesOf(page);
  const answers: string[] = [];
  let database: TestDatabase;
  let api: Api;
  let links: ReturnType<typeof linksOf> = { next: null, prev: null };
  let stream: EventTap | null = null;

  beforeAll(async () => {
    database = await createDatabase(
      `${await (LIVE.has(page) ? loadLiveTracks : loadTracks)()}${SETUP[page] ?? ''}`,
    );
    // what the planner expects is to be the same everywhere, whether autovacuum came by or not
    await database.query('vacuum analyze');
    api = await startApi(database, { 'require-rls': 'enforce', ...SETTINGS[page] });
  });
  afterAll(async () => {
    stream?.close();
    await api.close();
    await database.close();
    if (process.env['UPDATE_DOCS'] !== '1') return;
    let index = 0;
    const text = readFileSync(file(page), 'utf8').replace(
      BLOCK,
      (all, _flag, _block, language, part, answer) => {
        const fresh = answers[index++] ?? '';
        return answer === undefined || part !== undefined
          ? all
          : all.replace(`\`\`\`${language}\n${answer}`, `\`\`\`${language}\n${fresh}`);
      },
    );
    writeFileSync(file(page), text);
  });

  test('has requests to send', () => {
    expect(examples.length).toBeGreaterThan(0);
  });

  test.each(examples.map((example, index) => ({ ...example, index })))('$index: $title', async (example) => {
    const { method, body, anonymous, status, answered, answer, isJson, inPart, isEvents } = example;
    const headers = Object.fromEntries(
      Object.entries(example.headers).map(([name, value]) => [
        name,
        value.replace('{id}', stream?.lastId() ?? ''),
      ]),
    );
    const path = example.path.replace('%7Bnext%7D', cursorOf(links.next));
    const type: Record<string, string> = body === undefined ? {} : { 'Content-Type': 'application/json' };
    const options = {
      headers: { ...type, ...headers },
      ...(body === undefined ? {} : { body }),
      ...(anonymous ? {} : { as: { role: 'authenticated', sub: people.mira } }),
    };
    if (headers['Accept'] === 'text/event-stream' && status === 200) {
      stream?.close();
      const prefix = SETTINGS[page]?.['rest-prefix'] === '/' ? '' : '/rest/v1';
      stream = await openTap(api, method, prefix + path, options);
      expect(stream.headers).toMatchObject(answered);
      const text = await stream.take(eventsIn(answer));
      answers.push(text);
      if (process.env['UPDATE_DOCS'] !== '1') expect(text).toBe(answer);
      return;
    }
    const response = await api.request(method, path, options);
    if (isEvents) {
      const text = (await stream?.take(eventsIn(answer))) ?? '';
      answers.push(text);
      expect(response.status, response.body).toBe(status);
      if (process.env['UPDATE_DOCS'] !== '1') expect(text).toBe(answer);
      return;
    }
    links = linksOf(response, path);
    const text = isJson ? `${response.body}\n` : response.body;
    answers.push(response.json === undefined ? text : show(response.json));
    expect(response.status, response.body).toBe(status);
    expect(response.headers).toMatchObject(answered);
    if (answer === null || process.env['UPDATE_DOCS'] === '1') return;
    if (inPart) expect(response.json).toMatchObject(JSON.parse(answer));
    else if (isJson) expect(response.json).toEqual(JSON.parse(answer));
    else expect(response.body).toBe(answer);
  });
});
