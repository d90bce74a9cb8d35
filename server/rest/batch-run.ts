/**
 * The transaction of a batch: request by request, each with the time that the ones before have left it, and with the
 * values of their answers in place.
 */
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import { runTaskWithinCost } from '../execute/cost.ts';
import { runTransaction, type Transaction, type TransactionMode } from '../execute/transaction.ts';
import { parsePreconditions } from '../request/precondition.ts';
import type { Answer } from '../response/respond.ts';
import type { BatchStep } from './batch-document.ts';
import { type Outer, prepareStep, type Runnable, refusalAt } from './batch-prepare.ts';
import { type AnswerOf, createFill, fillBody } from './batch-reference.ts';
import { createResult, errorIn, type StepResult } from './batch-result.ts';
import { answerUnder, type Guarded, runGuarded } from './conditional.ts';
import { answerToNested, prepareNested, type ReadyNested } from './nested.ts';
import { blaming } from './nesting.ts';
import { answerInfo, answerTo, type Ready, taskOf, unknownCost } from './task.ts';

/** The time that is left to the batch. */
interface Clock {
  /** Milliseconds, at least 1; null = it has no limit. Throws AURA127 where the time is over. */
  readonly left: () => number | null;
  /** The same error for a statement that was cancelled because the time was over. */
  readonly explain: (error: unknown) => unknown;
}

const QUERY_CANCELED = '57014';

function createClock(seconds: number): Clock {
  const end = performance.now() + seconds * 1000;
  const tooLong = (cause?: unknown): Error =>
    apiError('AURA127', 'The batch took too long', {
      details: `It had ${seconds} seconds for all of its requests.`,
      hint: 'Send fewer requests at once, or raise server-batch-timeout.',
      cause,
    });
  if (seconds === 0) return { left: () => null, explain: (error) => error };
  return {
    left: () => {
      const left = Math.floor(end - performance.now());
      if (left < 1) throw tooLong();
      return left;
    },
    explain: (error) => {
      const isCancelled = error instanceof ApiError && error.code === QUERY_CANCELED;
      // PostgreSQL's clock and this one differ a little
      return isCancelled && end - performance.now() < 50 ? tooLong(error) : error;
    },
  };
}

/** What the results of a batch may hold in all. */
interface Room {
  /** Takes a result in. Throws AURA128 where there is no room left for it. */
  readonly take: (result: StepResult) => StepResult;
}

function createRoom(limit: number): Room {
  let size = 0;
  return {
    take: (result) => {
      size += result.pieces.reduce((sum, { length }) => sum + length, 0);
      if (size <= limit) return result;
      throw apiError('AURA128', 'The results of the batch are too large', {
        details: `They may hold ${limit} bytes in all.`,
        hint: 'Ask for fewer rows or columns, or send fewer requests at once.',
      });
    },
  };
}

interface Running {
  readonly outer: Outer;
  readonly mode: TransactionMode;
  readonly run: Transaction['run'];
  readonly clock: Clock;
}

async function runSingle({ outer, run, clock }: Running, ready: Ready): Promise<Answer> {
  const { scene } = outer;
  const task = taskOf(scene, ready, clock.left());
  const cost = unknownCost(ready);
  const executed = await (cost === null ? run(task) : runTaskWithinCost(run, task, cost));
  ready.planned.verify?.(executed.result);
  const answer = answerTo(scene, ready, executed);
  const refusal = executed.result.status === null ? errorIn(answer) : null;
  if (refusal) throw refusal;
  return answerUnder(scene, ready, answer, parsePreconditions(ready.raw));
}

function runGuardedStep({ outer, run, clock, mode }: Running, guarded: Guarded): Promise<Answer> {
  return runGuarded(outer.scene, guarded, { run, rollback: mode.rollback, left: clock.left });
}

async function runNestedStep(
  { outer, run, clock }: Running,
  step: BatchStep,
  ready: ReadyNested,
): Promise<StepResult> {
  const write = prepareNested(outer.scene, ready, () => undefined);
  const answer = answerToNested(outer.scene, ready, await write(run, clock.left()));
  return createResult(step, ready.planned.plan.write, answer);
}

async function runStep(
  running: Running,
  step: BatchStep,
  early: Runnable | null,
  answerOf: AnswerOf,
): Promise<StepResult> {
  const { outer } = running;
  const limit = outer.scene.settings.config.serverMaxBodySize;
  const runnable = early ?? prepareStep(outer, step, step.body && fillBody(step.body, answerOf, limit));
  if (runnable.kind === 'info') {
    return createResult(step, null, await answerInfo(outer.scene, runnable.asked));
  }
  const fill = createFill(step.address, answerOf, limit);
  if (runnable.kind === 'nested') return runNestedStep(running, step, { ...runnable.ready, fill });
  const ready: Ready = { ...runnable.ready, fill };
  if (runnable.kind === 'single') {
    return createResult(step, ready.planned.plan, await runSingle(running, ready));
  }
  const { look, preconditions } = runnable.guarded;
  const guarded = { write: ready, look: { ...look, fill }, preconditions };
  return createResult(step, ready.planned.plan, await runGuardedStep(running, guarded));
}

/** Runs all requests and commits. Rejects with the error of the first that fails, or of the commit. */
export async function runBatch(
  outer: Outer,
  mode: TransactionMode,
  steps: readonly BatchStep[],
  early: readonly (Runnable | null)[],
): Promise<StepResult[]> {
  const { config } = outer.scene.settings;
  let clock: Clock | null = null;
  // where an error comes from; null = from the commit, which all requests have in common
  let current: BatchStep | null = null;
  try {
    return await runTransaction(outer.scene.context.pool, mode, async ({ run }) => {
      clock ??= createClock(config.serverBatchTimeout);
      const results: StepResult[] = [];
      const room = createRoom(config.serverMaxBatchResultSize);
      const answerOf: AnswerOf = (index) => {
        const result = results[index];
        if (!result) throw new Error('a reference leads to a request that has not been run');
        return result.index();
      };
      for (const step of steps) {
        current = step;
        const running = { outer, mode, run: blaming(run), clock };
        results.push(room.take(await runStep(running, step, early[step.index] ?? null, answerOf)));
      }
      current = null;
      return results;
    });
  } catch (error) {
    const explained: unknown = (clock as Clock | null)?.explain(error) ?? error;
    throw refusalAt(explained, current);
  }
}
