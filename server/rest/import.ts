/**
 * Imports over HTTP: a POST of CSV or NDJSON whose body is written while it arrives. Its first record is enough to
 * plan the insert; everything behind it goes to PostgreSQL as it came.
 */
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import { runImport } from '../execute/import.ts';
import type { InsertPlan } from '../plan/types.ts';
import { type ImportSource, renderImport } from '../query/import.ts';
import type { MediaType } from '../request/ast.ts';
import { parseMediaType } from '../request/media-type.ts';
import { hasColumns, readPairs } from '../request/parameter.ts';
import { type Body, createKeysCheck, readCsvHeader, readJsonLine } from '../request/payload.ts';
import { parsePreconditions } from '../request/precondition.ts';
import type { RawRequest } from '../request/raw.ts';
import { type RecordBatch, RecordCutter, type RecordFormat, SEPARATORS } from '../request/records.ts';
import type { Answer } from '../response/respond.ts';
import { guardedOf } from './conditional.ts';
import type { Scene } from './context.ts';
import { takePlace } from './stream.ts';
import { answerTo, modeOf, plannedOf, type Ready, shapeOf } from './task.ts';
import type { Upload } from './upload.ts';

const BATCH_BYTES = 512 * 1024;
/** For a client that reads its answer only when it has sent everything: the rest of the body is let through. */
const DISCARD_SECONDS = 30;

/** A body of records, and how it is read. */
interface Records {
  readonly type: MediaType['kind'];
  readonly format: RecordFormat;
  /** `columns` says what is written; the keys need not be equal. */
  readonly columnsNamed: boolean;
  readonly cutter: RecordCutter;
  readonly upload: Upload;
}

function recordsOf(scene: Scene, raw: RawRequest, upload: Upload): Records {
  const type = parseMediaType(String(raw.headers['content-type'])).kind;
  const format = type === 'ndjson' ? 'ndjson' : 'csv';
  // the ordinary reading of CSV does not know `columns`
  const columnsNamed = type !== 'csv' && hasColumns(readPairs(raw.query));
  const check = format === 'ndjson' && !columnsNamed ? createKeysCheck() : null;
  const longest = scene.settings.config.serverMaxBodySize;
  return { type, format, columnsNamed, cutter: new RecordCutter({ format, longest, check }), upload };
}

/** Reads until there is as much as is wanted, or nothing more; gives whether there may be more. */
async function readUntil({ cutter, upload }: Records, enough: () => boolean): Promise<boolean> {
  while (!enough()) {
    const piece = await upload.next();
    if (piece === null) {
      cutter.end();
      return false;
    }
    cutter.push(piece);
  }
  return true;
}

/** What stands for the body in the shape of the request: the columns. */
function bodyOf({ format, columnsNamed, cutter }: Records): { body: Body; names: readonly string[] } {
  const { first } = cutter;
  if (first === null && format === 'csv') throw apiError('PGRST102', 'The CSV has no header line');
  const names = first === null || (format === 'ndjson' && columnsNamed) ? [] : namesOf(format, first);
  const payload = columnsNamed
    ? ({ kind: 'unread json', isObject: false } as const)
    : ({ kind: 'json', keys: names.toSorted(), isObject: false } as const);
  return { body: { payload, content: '' }, names };
}

const namesOf = (format: RecordFormat, first: Buffer): string[] =>
  format === 'csv' ? readCsvHeader(first) : readJsonLine(first, 1);

function sourceOf({ type, format }: Records, header: readonly string[]): ImportSource {
  if (format === 'ndjson') return { kind: 'ndjson', separator: SEPARATORS.ndjson };
  return { kind: 'csv', header, reading: type === 'csv' ? 'postgrest' : 'copy' };
}

const cannotNest = (): Error =>
  apiError('PGRST127', 'Feature not implemented', {
    details: 'An import writes one relation, and `columns` names an embed.',
    hint: 'Send nested rows as JSON, or the rows of each relation in an import of their own.',
  });

function insertPlanOf({ planned }: Ready): InsertPlan {
  const { plan } = planned;
  if (plan.kind === 'write' && plan.mutate.kind === 'insert') return plan.mutate;
  throw new Error('an import is planned as something else than an insert');
}

async function run(scene: Scene, raw: RawRequest, records: Records): Promise<Answer> {
  const { cutter } = records;
  let more = await readUntil(records, () => cutter.first !== null);
  const { body, names } = bodyOf(records);
  const shape = shapeOf(scene, raw, body);
  const planned = plannedOf(scene, raw, shape);
  if (planned.kind !== 'database') throw cannotNest();
  const ready: Ready = { raw, shape, planned, fill: null };
  const preconditions = parsePreconditions(raw);
  if (preconditions !== null) guardedOf(scene, ready, preconditions);
  const { context, settings, identity } = scene;
  const next = async (): Promise<RecordBatch | null> => {
    if (more) more = await readUntil(records, () => cutter.bytes >= BATCH_BYTES);
    return cutter.take();
  };
  const imported = await runImport(
    context.pool,
    {
      ...modeOf(scene, planned.plan),
      session: context.renderSession(settings.importSessionOf(identity, raw, planned.plan)),
      preRequest: settings.preRequest,
      statements: renderImport(insertPlanOf(ready), sourceOf(records, names)),
    },
    next,
  );
  const { rows, inserted, headers, status } = imported;
  const nothing = { total: null, location: null, keys: null, body: Buffer.alloc(0) };
  const result = { ...nothing, page: rows, headers, status, inserted };
  return answerTo(scene, ready, { result, rows: [], estimate: null });
}

/** An answer that is the last on its connection, since a part of the request is still on its way. */
const asLast = (error: ApiError): ApiError =>
  new ApiError({
    ...error.fields(),
    status: error.status,
    headers: { ...error.headers, Connection: 'close' },
    cause: error,
  });

/**
 * Serves an import. Rejects with ApiError for everything that PostgreSQL refused, with the line before the details;
 * nothing is written then.
 */
export async function serveImport(scene: Scene, raw: RawRequest, upload: Upload): Promise<Answer> {
  try {
    const giveBack = takePlace(scene);
    try {
      return await run(scene, raw, recordsOf(scene, raw, upload));
    } finally {
      giveBack();
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // who was waited for in vain is not waited for again
    const isWhole = error.code !== 'AURA003' && (await upload.discard(DISCARD_SECONDS));
    throw isWhole ? error : asLast(error);
  }
}
