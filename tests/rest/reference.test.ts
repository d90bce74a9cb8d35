/**
 * Any read that the grammar accepts gives the rows that its naive translation to SQL gives to the same role with the
 * same claims. REFERENCE_RUNS (a number of reads) and REFERENCE_SEED run more, and others, than by default.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Api, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { anything } from './reference/anything.ts';
import type { Question } from './reference/ast.ts';
import { parseExactly, rowsOf, withoutNulls } from './reference/compare.ts';
import { question } from './reference/generate.ts';
import { parametersOf, sqlOf } from './reference/sql.ts';
import { headersOf, pairsOf, pathOf } from './reference/url.ts';

const SEED = Number(process.env['REFERENCE_SEED'] ?? 20_240_229);
const RUNS = Number(process.env['REFERENCE_RUNS'] ?? 600);
/** Milliseconds; on a busy machine the default number of reads is cut short. */
const AT_MOST = process.env['REFERENCE_RUNS'] === undefined ? 6000 : Number.POSITIVE_INFINITY;

let database: TestDatabase;
let api: Api;
let reference: pg.Client;

beforeAll(async () => {
  database = await createDatabase(readFileSync(new URL('reference/schema.sql', import.meta.url), 'utf8'));
  api = await startApi(database, {
    'db-max-filters': 1000,
    'db-max-cost': 0,
    'db-max-aggregate-cost': 0,
  });
  reference = new pg.Client(database.authenticatorUri);
  await reference.connect();
});
afterAll(async () => {
  await reference.end();
  await api.close();
  await database.close();
});

const claimsOf = (user: string | null): Record<string, string> =>
  user === null ? { role: 'anon' } : { role: 'authenticated', sub: user };

/** Runs a query as the role of a user, in a transaction of its own. Gives the row, or the SQLSTATE. */
async function runAs(user: string | null, query: pg.QueryConfig): Promise<Record<string, unknown> | string> {
  const claims = claimsOf(user);
  const settings = pg.escapeLiteral(JSON.stringify(claims));
  await reference.query(
    `begin read only; set local role ${claims['role']}; select set_config('request.jwt.claims', ${settings}, true)`,
  );
  try {
    const { rows } = await reference.query<Record<string, unknown>>(query);
    return rows[0] ?? {};
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code !== undefined) return error.code;
    throw error;
  } finally {
    await reference.query('rollback');
  }
}

interface Outcome {
  readonly status: number | 'refused';
  /** Rows, or one object, or the code of an error. */
  readonly body: unknown;
  readonly range: string | null;
}

/** What the rows of the reference mean as an answer (documentation: pagination and count, singular or plural). */
function answerOf({ read, format, counts, isHead }: Question, rows: unknown[], total: number): Outcome {
  const error = (status: number, code: string, range: string | null): Outcome => ({
    status,
    body: isHead ? null : code,
    range,
  });
  const isSingle = format.endsWith('object');
  if (isSingle && rows.length !== 1) return error(406, 'PGRST116', null);
  if (counts && read.offset > total) return error(416, 'PGRST103', `*/${total}`);
  const shown = rowsOf(read)(format.startsWith('stripped') ? withoutNulls(rows) : rows);
  const range = rows.length === 0 ? '*' : `${read.offset}-${read.offset + rows.length - 1}`;
  return {
    status: counts && rows.length < total ? 206 : 200,
    body: isHead ? null : isSingle ? (shown as unknown[])[0] : shown,
    range: `${range}/${counts ? total : '*'}`,
  };
}

async function expected(asked: Question, query: pg.QueryConfig): Promise<Outcome> {
  const found = await runAs(asked.user, query);
  if (typeof found === 'string') return { status: 'refused', body: found, range: null };
  return answerOf(asked, parseExactly(String(found['rows'])) as unknown[], Number(found['total']));
}

async function answered(asked: Question): Promise<Outcome> {
  const { read, user, format, isHead } = asked;
  const answer = await api.request(isHead ? 'HEAD' : 'GET', pathOf(asked), {
    headers: headersOf(asked),
    ...(user === null ? {} : { as: claimsOf(user) }),
  });
  const range = answer.headers['content-range'] ?? null;
  const isSingle = format.endsWith('object');
  if (answer.status >= 400) {
    // PostgreSQL's own refusals are the client's doing, whichever status each has
    const isOurs = answer.status === 416 || answer.status === 406 || answer.status >= 500;
    return {
      status: isOurs ? answer.status : 'refused',
      body: isHead ? null : answer.json.code,
      range: answer.status === 416 ? range : null,
    };
  }
  if (isHead) return { status: answer.status, body: null, range };
  const body = parseExactly(answer.body);
  const canonical = rowsOf(read);
  return {
    status: answer.status,
    body: isSingle ? (canonical([body]) as unknown[])[0] : canonical(body),
    range,
  };
}

/** A question as people read it. */
const written = (asked: Question): string =>
  [
    `as ${asked.user ?? 'anon'}: ${asked.isHead ? 'HEAD' : 'GET'} /${asked.read.table.name}`,
    ...pairsOf(asked).map(([key, value]) => `  ${key}=${value}`),
    ...Object.entries(headersOf(asked)).map(([name, value]) => `  ${name}: ${value}`),
    pathOf(asked),
    sqlOf(asked),
  ].join('\n');

/** Asks both, and hands on what the reference answers. A counterexample is told as its URL and its SQL. */
const agree = (
  questions: fc.Arbitrary<Question>,
  queryOf: (asked: Question) => pg.QueryConfig,
  see: (wanted: Outcome) => void,
): Promise<void> =>
  fc.assert(
    fc.asyncProperty(
      questions.map((asked) => Object.assign(asked, { [fc.toStringMethod]: () => written(asked) })),
      async (asked) => {
        const [found, wanted] = await Promise.all([answered(asked), expected(asked, queryOf(asked))]);
        expect(found).toEqual(wanted);
        see(wanted);
      },
    ),
    { seed: SEED, numRuns: RUNS, interruptAfterTimeLimit: AT_MOST },
  );

/** Milliseconds: as many reads as are asked for may take as long as they do. */
const NO_HURRY = 3_600_000;

test(
  'a read gives the rows that plain SQL gives',
  () =>
    agree(
      question,
      (asked) => ({ text: sqlOf(asked) }),
      // a reference that is itself refused compares nothing
      ({ status }) => expect(status).not.toBe('refused'),
    ),
  NO_HURRY,
);

test(
  'what PostgreSQL refuses is refused with its code',
  async () => {
    const codes = new Set<unknown>();
    await agree(anything, parametersOf, ({ status, body }) => status === 'refused' && codes.add(body));
    // wrong values, wrong types, operators that are not there
    expect([...codes]).toEqual(expect.arrayContaining(['22P02', '42804', '42883']));
  },
  NO_HURRY,
);
