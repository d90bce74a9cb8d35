/**
 * Batches: several requests in one transaction, under one identity.
 *
 *   document → requests → each: references followed, the pipeline of every request, its result → one document
 *
 * Each request is planned, prepared and run as if it had come alone, with settings, pre-request function and read
 * only mode of its own: nothing but the transaction is shared. What is wrong with one is the answer to all.
 */
import { apiError } from '../errors/codes.ts';
import type { Preferences } from '../request/ast.ts';
import { decodeHeader } from '../request/header.ts';
import { contentType, mediaTypeName, parseAccept } from '../request/media-type.ts';
import { parsePrefer, renderApplied } from '../request/prefer.ts';
import type { RawRequest } from '../request/raw.ts';
import type { Answer } from '../response/respond.ts';
import { atStep, BATCH_TYPE, isOwnHeader, parseBatch } from './batch-document.ts';
import { isolationOf, type Outer, onlyReads, prepareEarly, type Runnable } from './batch-prepare.ts';
import { glue } from './batch-result.ts';
import { runBatch } from './batch-run.ts';
import type { Scene } from './context.ts';
import { modeIn, rollsBack } from './task.ts';
import type { Timing } from './timing.ts';

const header = (raw: RawRequest, name: string): string | undefined => {
  const value = raw.headers[name];
  return value === undefined ? undefined : decodeHeader([value].flat().join(', '));
};

function answerType(raw: RawRequest): string {
  const accepted = parseAccept(header(raw, 'accept'));
  for (const type of accepted) {
    if (type.kind === 'json') return contentType(type);
    const name = type.kind === 'other' ? type.name.split(';', 1)[0]?.trim().toLowerCase() : '';
    if (type.kind === 'any' || name === BATCH_TYPE || name === 'application/*') {
      return `${BATCH_TYPE}; charset=utf-8`;
    }
  }
  throw apiError(
    'PGRST107',
    `None of these media types are available: ${accepted.map(mediaTypeName).join(', ')}`,
  );
}

/** The batch's own preferences: how its transaction ends. */
function readPreferences({ settings }: Scene, raw: RawRequest): Preferences {
  const preferences = parsePrefer(header(raw, 'prefer'), settings.options.dbTxAllowOverride);
  if (preferences.handling === 'strict' && preferences.invalid.length > 0) {
    throw apiError('PGRST122', 'Invalid preferences given with handling=strict', {
      details: `Invalid preferences: ${preferences.invalid.join(', ')}`,
    });
  }
  const { transaction, handling } = preferences;
  return { ...parsePrefer(undefined, false), transaction, handling };
}

const OF_THE_DOCUMENT: ReadonlySet<string> = new Set(['content-length', 'content-encoding']);

/** What the requests' functions see of the batch's headers; what they may bring themselves is theirs alone. */
const sharedHeaders = ({ headers }: RawRequest): RawRequest['headers'] =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) => !isOwnHeader(name) && !OF_THE_DOCUMENT.has(name)),
  );

const sqlOf = (early: readonly (Runnable | null)[]): string =>
  early
    .flatMap((runnable) =>
      runnable === null || runnable.kind === 'info' ? [] : [runnable.ready.planned.statements.main.text],
    )
    .join(';\n');

/**
 * Answers a batch. Rejects with ApiError, which says in `step` which request it is about: AURA120 to AURA128 and
 * whatever the requests by themselves are refused with.
 */
export async function serveBatch(
  scene: Scene,
  raw: RawRequest,
  timing: Timing,
  trace: { sql: string | null },
): Promise<Answer> {
  const { config } = scene.settings;
  try {
    if (raw.query !== '') {
      throw apiError('AURA120', 'The batch is malformed', {
        details: 'A batch takes no parameters in its URL.',
        hint: 'Put them into the paths of its requests.',
      });
    }
    const type = answerType(raw);
    const batch = parseBatch(raw.body, config.serverMaxBatchSteps);
    const preferences = readPreferences(scene, raw);
    timing.mark('parse');
    const outer: Outer = { scene, headers: sharedHeaders(raw), isolation: isolationOf(scene, batch) };
    const early = prepareEarly(outer, batch.steps);
    timing.mark('plan');
    trace.sql = sqlOf(early);
    const mode = modeIn(scene, {
      isolation: outer.isolation,
      readOnly: onlyReads(batch.steps, early),
      rollback: rollsBack(config.dbTxEnd, preferences.transaction),
      taints: true,
    });
    const results = await runBatch(outer, mode, batch.steps, early);
    timing.mark('transaction');
    const body = glue(results);
    timing.mark('response');
    const applied = renderApplied(preferences);
    return {
      status: 200,
      headers: {
        'Content-Type': type,
        'Content-Length': String(body.length),
        ...(applied === null ? {} : { 'Preference-Applied': applied }),
      },
      body,
    };
  } catch (error) {
    throw atStep(error, null);
  }
}
