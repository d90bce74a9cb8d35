/**
 * Requests of a batch → requests that can be run: each read and planned as if it had come alone, and refused where
 * it wants another transaction than the batch has.
 */
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import type { DatabasePlan } from '../plan/types.ts';
import { parsePreconditions } from '../request/precondition.ts';
import type { RawRequest } from '../request/raw.ts';
import { atStep, type Batch, type BatchStep } from './batch-document.ts';
import { refuseMarks, withoutMarks } from './batch-reference.ts';
import { type Guarded, guardedOf, guards, inFull, insertHasNone } from './conditional.ts';
import type { Scene } from './context.ts';
import type { ReadyNested } from './nested.ts';
import { type InfoRequest, plannedOf, type Ready, shapeOf } from './task.ts';

/** What the requests of a batch have in common. */
export interface Outer {
  readonly scene: Scene;
  /** Headers that count for every request. */
  readonly headers: RawRequest['headers'];
  readonly isolation: string | null;
}

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

const isGuarded = ({ method, headers }: BatchStep): boolean =>
  !READS.has(method) && (headers['if-match'] !== undefined || headers['if-none-match'] !== undefined);

/** The batch's own level, else the role's, else one at which its conditions hold. */
export const isolationOf = ({ settings, identity }: Scene, { isolation, steps }: Batch): string | null =>
  isolation ?? settings.isolationOf(identity.role) ?? (steps.some(isGuarded) ? 'repeatable read' : null);

function bytesOf(step: BatchStep, json: string | null): Buffer {
  if (json === null) return Buffer.alloc(0);
  if (step.form === 'json') return Buffer.from(json);
  const text: unknown = JSON.parse(json);
  if (typeof text !== 'string') {
    throw apiError('AURA120', 'The batch is malformed', {
      details: 'A body of this Content-Type is not a JSON string.',
      hint: 'Send it as text, with "encoding": "base64" if it is binary.',
    });
  }
  if (step.form === 'text') return Buffer.from(text);
  if (!/^(?:[\w+/-]{4})*(?:[\w+/-]{2,3}={0,2})?$/.test(text)) {
    throw apiError('AURA120', 'The batch is malformed', { details: 'The body is not base64.' });
  }
  return Buffer.from(text, 'base64');
}

/** A request of the batch that can be run. */
export type Runnable =
  | { readonly kind: 'info'; readonly asked: InfoRequest }
  | { readonly kind: 'single'; readonly ready: Ready }
  | { readonly kind: 'nested'; readonly ready: ReadyNested }
  | { readonly kind: 'guarded'; readonly ready: Ready; readonly guarded: Guarded };

const STRICTNESS = ['read uncommitted', 'read committed', 'repeatable read', 'serializable'];
const strictness = (level: string | null): number => STRICTNESS.indexOf(level ?? 'read committed');

const ofTheWhole = (details: string, hint: string): Error =>
  apiError('AURA126', 'The request asks for what the batch as a whole has not', { details, hint });

/** Refuses what a request would have by itself and cannot have in this transaction. */
function refuseOtherTransaction({ isolation }: Outer, plan: DatabasePlan, guarded: boolean): void {
  if (plan.preferences.transaction !== null) {
    throw ofTheWhole(
      'It says how its transaction ends.',
      'Send Prefer: tx=... with the batch instead: it has one transaction.',
    );
  }
  if (plan.isolation !== null && strictness(plan.isolation) > strictness(isolation)) {
    throw ofTheWhole(
      `Its function wants ${plan.isolation}.`,
      `Give the batch "isolation": "${plan.isolation}".`,
    );
  }
  if (guarded && !guards(isolation)) {
    throw ofTheWhole(
      'Its If-Match or If-None-Match holds from repeatable read on.',
      'Give the batch "isolation": "repeatable read".',
    );
  }
}

/** Request of the document → request of the pipeline, its plan found or made. */
export function prepareStep(outer: Outer, step: BatchStep, json: string | null): Runnable {
  const { scene } = outer;
  const raw: RawRequest = {
    method: step.method,
    path: step.address.path,
    query: step.address.query,
    headers: { ...outer.headers, ...step.headers },
    body: bytesOf(step, json),
  };
  const preconditions = parsePreconditions(raw);
  const asked = preconditions === null ? raw : inFull(raw);
  const shape = shapeOf(scene, asked);
  refuseMarks(shape, step.address);
  const planned = plannedOf(scene, asked, shape);
  if (planned.kind === 'info') {
    return { kind: 'info', asked: { plan: planned.plan, head: raw.method === 'HEAD', preconditions } };
  }
  if (planned.kind === 'nested') {
    if (preconditions !== null) throw insertHasNone();
    refuseOtherTransaction(outer, planned.plan.write, false);
    return { kind: 'nested', ready: { raw, shape, planned, fill: null } };
  }
  const ready: Ready = { raw, shape, planned, fill: null };
  const guarded = preconditions && guardedOf(scene, ready, preconditions);
  refuseOtherTransaction(outer, planned.plan, guarded !== null);
  return guarded ? { kind: 'guarded', ready, guarded } : { kind: 'single', ready };
}

/** The error, saying which request it is about, with references as they were written. */
export function refusalAt(error: unknown, step: BatchStep | null): unknown {
  const located = atStep(error, step);
  if (!(located instanceof ApiError) || step === null) return located;
  const legible = <T>(value: T): T | string =>
    typeof value === 'string' ? withoutMarks(value, step.address) : value;
  const { code, message, details, hint, status, headers, more, cause } = located;
  return new ApiError({
    code,
    message: withoutMarks(message, step.address),
    details: legible(details),
    hint: hint === null ? null : withoutMarks(hint, step.address),
    status,
    headers,
    more,
    cause,
  });
}

/** What can be planned before the transaction: all but the bodies that earlier answers complete. */
export function prepareEarly(outer: Outer, steps: readonly BatchStep[]): (Runnable | null)[] {
  return steps.map((step) => {
    if (step.body && step.body.places.length > 0) return null;
    try {
      return prepareStep(outer, step, step.body?.text ?? null);
    } catch (error) {
      throw refusalAt(error, step);
    }
  });
}

/** Whether nothing in the batch can write, as far as is known. */
export const onlyReads = (steps: readonly BatchStep[], early: readonly (Runnable | null)[]): boolean =>
  steps.every(({ method }, index) => {
    const runnable = early[index];
    return READS.has(method) || (runnable?.kind === 'single' && runnable.ready.planned.plan.readOnly);
  });
