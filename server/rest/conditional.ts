/**
 * Requests with preconditions (RFC 9110 section 13). A read is answered and its tag compared. A write first reads,
 * in its own transaction, what a GET of its address answers, and is carried out only if that is what the client
 * has seen.
 *
 * Nobody gets between the two: the transaction is REPEATABLE READ at least, so that a row which another
 * transaction changed since the look at it cannot be written (SQLSTATE 40001). Then everything is done anew, and the
 * look finds the change. A lock on the row would need a privilege that whoever may delete need not have, and no
 * view with a trigger could be locked.
 */
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import { type Executed, runTransaction, type Transaction } from '../execute/transaction.ts';
import type { WritePlan } from '../plan/types.ts';
import type { Preconditions } from '../request/precondition.ts';
import type { RawRequest } from '../request/raw.ts';
import { ownTag, refuseUnlessSeen, tagOf, withEntityTag } from '../response/entity-tag.ts';
import type { Answer } from '../response/respond.ts';
import type { Scene } from './context.ts';
import { blaming } from './nesting.ts';
import { afterFirst, answerTo, modeOf, plannedOf, type Ready, shapeOf, taskOf } from './task.ts';

const EMPTY = Buffer.alloc(0);

/** A HEAD whose tag is asked for is read like a GET, since the tag is made of the body; Range is for GET alone. */
export const inFull = (raw: RawRequest): RawRequest =>
  raw.method === 'HEAD' ? { ...raw, method: 'GET', headers: { ...raw.headers, range: undefined } } : raw;

/** The answer under its preconditions, which bear on reads of relations. Throws AURA130. */
export function answerUnder(
  { settings }: Scene,
  { raw, planned }: Ready,
  answer: Answer,
  preconditions: Preconditions | null,
): Answer {
  const { plan } = planned;
  if (plan.kind !== 'read' || plan.mediaType.kind === 'plan') return answer;
  const tagged = withEntityTag(answer, preconditions, settings.config.serverEtagEnabled);
  return raw.method === 'HEAD' && tagged.body !== null ? { ...tagged, body: null } : tagged;
}

const unsuited = (what: string, hint: string | null = null): Error =>
  apiError('AURA132', `${what} has no conditions`, {
    details: 'If-Match and If-None-Match compare what GET of the same address answers.',
    hint,
  });

/** AURA132 for inserts. */
export const insertHasNone = (): Error =>
  unsuited('An insert', 'PUT writes one row, and with If-None-Match: * only a new one.');

/** A write that looks at what is there before it writes. */
export interface Guarded {
  readonly write: Ready;
  /** The GET of the same address. */
  readonly look: Ready;
  readonly preconditions: Preconditions;
}

const NOT_OF_READS: ReadonlySet<string> = new Set(['limit', 'offset', 'columns', 'on_conflict']);

/** GET of a write's address; two rows are enough to know that there are several. */
function lookOf({ raw, shape }: Ready): RawRequest {
  const pairs = shape.pairs.filter(([key]) => !NOT_OF_READS.has(key));
  return {
    method: 'GET',
    path: raw.path,
    query: [...pairs, ['limit', '2'] as const]
      .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
      .join('&'),
    headers: { accept: raw.headers['accept'], 'accept-profile': raw.headers['content-profile'] },
    body: EMPTY,
  };
}

/**
 * The guarded form of a request with preconditions; null where they ask nothing of it.
 * Throws AURA132 for what has no representation to compare with.
 */
export function guardedOf(scene: Scene, ready: Ready, preconditions: Preconditions): Guarded | null {
  const { plan } = ready.planned;
  const { method } = ready.raw;
  const isPlan = plan.mediaType.kind === 'plan';
  if (isPlan && (preconditions.ifMatch !== null || plan.kind !== 'read')) throw unsuited('An execution plan');
  if (ready.planned.stream !== null && preconditions.ifMatch !== null) throw unsuited('A streamed answer');
  if (plan.kind === 'read') {
    // its tag would be known when it has been sent
    if (ready.planned.stream !== null && preconditions.ifMatch !== null) throw unsuited('A stream');
    return null;
  }
  if (plan.kind === 'call') {
    if (preconditions.ifMatch === null && method !== 'POST') return null;
    throw unsuited('The call of a function');
  }
  if (plan.mutation === 'insert') throw insertHasNone();
  if (plan.mutate.kind === 'update' && plan.mutate.keys.length > 0) {
    throw unsuited('An update with a value a row', 'Leave `on` out and address one row.');
  }
  const raw = lookOf(ready);
  const shape = shapeOf(scene, raw);
  const planned = plannedOf(scene, raw, shape);
  if (planned.kind !== 'database') throw new Error('a GET of a relation was planned as something else');
  return { write: ready, look: { raw, shape, planned, fill: ready.fill }, preconditions };
}

const severalRows = (): Error =>
  apiError('AURA131', 'The conditions are for one row, and the address has several', {
    hint: 'Address one row by a unique key.',
  });

/** What must hold after the write: the look may have seen less than the write did. */
function verifyWritten(plan: WritePlan, { result }: Executed, { ifNoneMatch }: Preconditions): void {
  if (result.page > 1) throw severalRows();
  const replaced = plan.mutation === 'upsert' && result.inserted !== null && result.inserted < 1;
  if (ifNoneMatch === '*' && replaced) {
    throw apiError('AURA130', 'The condition of If-None-Match does not hold', {
      details: 'There is such a row already.',
      hint: 'Read it again, and decide anew.',
    });
  }
}

/** How long a guarded write may take; what it asks of the transaction around it. */
interface Around {
  readonly run: Transaction['run'];
  readonly rollback: boolean;
  /** Milliseconds that are left; null = no limit. Throws where there are none. */
  readonly left: () => number | null;
}

/**
 * Looks and writes within an open transaction, which is REPEATABLE READ at least. The answer to a PATCH carries
 * the row's new tag. Throws AURA130 and AURA131.
 */
export async function runGuarded(
  scene: Scene,
  { write, look, preconditions }: Guarded,
  { run, rollback, left }: Around,
): Promise<Answer> {
  const { plan } = write.planned;
  if (plan.kind !== 'write') throw new Error('only writes are guarded');
  const writing = taskOf(scene, write, left());
  const looking = { ...taskOf(scene, look, null), session: writing.session, looks: true };
  const seen = await run(looking);
  if (seen.result.page > 1) throw severalRows();
  refuseUnlessSeen(preconditions, seen.result.page === 0 ? null : tagOf(answerTo(scene, look, seen)));
  left();
  const executed = await run(afterFirst(writing));
  write.planned.verify?.(executed.result);
  verifyWritten(plan, executed, preconditions);
  const answer = answerTo(scene, write, executed);
  if (rollback || !tellsNewTag(scene, plan, answer)) return answer;
  left();
  // as the role that asks, whatever the functions of the write have set
  const now = await run({ ...looking, preRequest: null });
  const tag = now.result.page === 1 ? tagOf(answerTo(scene, look, now)) : null;
  return tag === null ? answer : { ...answer, headers: { ...answer.headers, ETag: tag } };
}

function tellsNewTag({ settings }: Scene, { mutation }: WritePlan, answer: Answer): boolean {
  // a PUT must not: its client would take the tag for one of the body that it sent (RFC 9110 section 9.3.4)
  if (mutation !== 'update' || !settings.config.serverEtagEnabled) return false;
  // under a role that only the pre-request function knows a look would see something else
  return settings.preRequest?.changesRole() !== true && ownTag(answer) === null;
}

const STRICT: ReadonlySet<string> = new Set(['repeatable read', 'serializable']);

/** Whether a guarded write is safe at this level. */
export const guards = (isolation: string | null): boolean => isolation !== null && STRICT.has(isolation);

const SERIALIZATION_FAILURE = '40001';
const MOST_ATTEMPTS = 5;

/** Runs a guarded write in a transaction of its own, again where another one came in between. */
export async function serveGuarded(scene: Scene, guarded: Guarded): Promise<Answer> {
  const mode = modeOf(scene, guarded.write.planned.plan);
  const isolation = guards(mode.isolation) ? mode.isolation : 'repeatable read';
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await runTransaction(scene.context.pool, { ...mode, isolation }, ({ run }) =>
        runGuarded(scene, guarded, { run: blaming(run), rollback: mode.rollback, left: () => null }),
      );
    } catch (error) {
      const isFailure = error instanceof ApiError && error.code === SERIALIZATION_FAILURE;
      if (!isFailure || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}
