/**
 * Imports: records are copied batch by batch into a temporary table while they arrive, and inserted from there by
 * one statement, all in one transaction. Where a row is refused its line is looked for by inserting smaller and
 * smaller parts, behind a savepoint; the transaction is rolled back in any case.
 */
import { ApiError } from '../errors/error.ts';
import { fromPostgres } from '../errors/postgres.ts';
import { columnOf, type ImportStatements, lineOf } from '../query/import.ts';
import type { Lease, Pool } from './pool.ts';
import type { DatabaseError, Outcome, Step } from './step.ts';
import {
  begin,
  cleanUp,
  ending,
  rollBack,
  type Task,
  type TransactionMode,
  withLease,
} from './transaction.ts';
import { ALL_AS_TEXT, type WireValue } from './wire.ts';

/** Records, each a line of CSV behind the number of its line. */
export interface Batch {
  /** Valid until the next batch is there. */
  readonly data: Buffer;
  /** The lines where its first and its last record begin. */
  readonly first: number;
  readonly last: number;
  /** The line where the record begins that the n-th line of `data` belongs to. */
  readonly lineAt: (line: number) => number | null;
}

/** Everything that an import runs. */
export interface ImportWork extends TransactionMode, Pick<Task, 'session' | 'preRequest'> {
  readonly statements: ImportStatements;
}

/** What an import came to. */
export interface Imported {
  /** Rows that were written. */
  readonly rows: number;
  /** Of them, rows that an upsert inserted; null = not counted. */
  readonly inserted: number | null;
  /** `response.headers` and `response.status`, as they were set. */
  readonly headers: string | null;
  readonly status: string | null;
}

/** The next batch; null = there are no more. */
export type NextBatch = () => Promise<Batch | null>;

// nothing is prepared: an import is not repeated so often that it would be worth it
const step = (text: string, values: readonly WireValue[] = []): Step => ({
  key: null,
  text,
  values,
  formats: ALL_AS_TEXT,
  binary: new Set(),
});

const SAVE = step('savepoint aura_import');
const BACK = step('rollback to savepoint aura_import');
const SAVE_PART = step('savepoint aura_part');
const BACK_PART = step('rollback to savepoint aura_part');

const described = (line: number, column: string | null): string =>
  `Line ${line} of the body${column === null ? '' : `, column ${column}`}`;

/** The refusal, with the place where it happened before its details. */
function located(error: DatabaseError, authenticated: boolean, place: string | null): ApiError {
  const { code, message, status, details, hint, headers } = fromPostgres(error, authenticated);
  const where = place === null ? details : details === null ? `${place}.` : `${place}: ${details}`;
  return new ApiError({ code, message, status, details: where, hint, headers: { ...headers }, cause: error });
}

const NO_TEMPORARY_TABLES =
  'An import goes through a temporary table: grant the role the privilege TEMPORARY on the database, or send the rows in smaller bodies.';

/** Begins the transaction, and finds out what the role may not do before anything is sent. */
async function open(lease: Lease, work: ImportWork): Promise<void> {
  const { session, preRequest, statements } = work;
  const steps = [
    { ...begin(work), key: null },
    ...(session === null ? [] : [step(session.text, session.values)]),
    ...(preRequest === null ? [] : [step(preRequest.plain)]),
  ];
  const create = steps.push(step(statements.create)) - 1;
  const outcome = await lease.run([...steps, step(statements.check)]);
  const { error, failedAt } = outcome;
  if (!error) return;
  await cleanUp(lease, outcome);
  const refusal = fromPostgres(error, work.authenticated);
  if (failedAt !== create || error.code !== '42501') throw refusal;
  const { code, message, status, details, headers } = refusal;
  throw new ApiError({ code, message, status, details, hint: NO_TEMPORARY_TABLES, headers: { ...headers } });
}

async function copyAll(lease: Lease, work: ImportWork, next: NextBatch): Promise<number> {
  let last = 0;
  let coming = next();
  for (let batch = await coming; batch !== null; batch = await coming) {
    const copying = lease.run([{ ...step(work.statements.copy), data: batch.data }]);
    // the next one is read while PostgreSQL takes this one
    coming = next();
    coming.catch(() => undefined);
    const { error } = await copying;
    if (error) throw located(error, work.authenticated, placeIn(batch, error));
    last = batch.last;
  }
  return last;
}

function placeIn(batch: Batch, { where }: DatabaseError): string {
  const copied = lineOf(where);
  const line = copied === null ? null : batch.lineAt(copied);
  return line === null
    ? `Between line ${batch.first} and line ${batch.last} of the body`
    : described(line, columnOf(where));
}

/** Whether a row may be to blame: not for what befell the server, the transaction or the connection. */
const isOfRow = ({ code }: DatabaseError): boolean => !/^(?:40|53|57|58|XX)/.test(code);

/**
 * The first line whose row is refused by itself, or with those before it, in the same words. Null where no part of
 * the rows is: the refusal then is about all of them together.
 */
async function findLine(
  lease: Lease,
  work: ImportWork,
  error: DatabaseError,
  last: number,
): Promise<number | null> {
  if (!isOfRow(error)) return null;
  const insert = (after: number, upTo: number): Promise<Outcome> =>
    lease.run([SAVE_PART, step(work.statements.insertLines, [String(after), String(upTo)])]);
  const undone = await lease.run([BACK]);
  // what refuses no rows at all is no row's doing
  const { error: always } = undone.error ? undone : await insert(0, 0);
  if (always) return null;
  let good = 0;
  let bad = last;
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    const { error: refused } = await insert(good, middle);
    if (refused) {
      bad = middle;
      await lease.run([BACK_PART]);
    } else {
      good = middle;
    }
  }
  const { error: found } = await insert(good, bad);
  return found?.code === error.code && found.message === error.message ? bad : null;
}

const textOf = (outcome: Outcome, index: number, column: number): string | null =>
  outcome.rows[index]?.[0]?.[column]?.toString() ?? null;

async function insertAll(lease: Lease, work: ImportWork, last: number): Promise<Imported> {
  const { insert, settings } = work.statements;
  const outcome = await lease.run([SAVE, { ...step(insert), answers: 'affected' }, step(settings)]);
  if (outcome.error) {
    const line = await findLine(lease, work, outcome.error, last);
    throw located(outcome.error, work.authenticated, line === null ? null : described(line, null));
  }
  const inserted = textOf(outcome, 2, 2);
  return {
    rows: Number(textOf(outcome, 1, 0)),
    inserted: inserted === null ? null : Number(inserted),
    headers: textOf(outcome, 2, 0),
    status: textOf(outcome, 2, 1),
  };
}

/**
 * Runs an import on a connection of the pool. Rejects with what `next` rejects with, and with ApiError: what
 * PostgreSQL refused, its line before the details, PGRST000, 001 and 003, AURA001. Nothing is written then.
 */
export async function runImport(pool: Pool, work: ImportWork, next: NextBatch): Promise<Imported> {
  return withLease(pool, work, async (lease) => {
    await open(lease, work);
    let imported: Imported;
    try {
      imported = await insertAll(lease, work, await copyAll(lease, work, next));
    } catch (error) {
      await rollBack(lease);
      throw error;
    }
    const end = await lease.run(ending(work));
    if (!end.error) return imported;
    await cleanUp(lease, end);
    throw fromPostgres(end.error, work.authenticated);
  });
}
