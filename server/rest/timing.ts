/**
 * Server-Timing (https://www.w3.org/TR/server-timing/): how long each stage of the pipeline took.
 */
import type { Answer } from '../response/respond.ts';

type Stage = 'jwt' | 'parse' | 'plan' | 'transaction' | 'response';

export interface Timing {
  /** A stage has ended; it began when the one before ended. */
  readonly mark: (stage: Stage) => void;
  /** Adds the header. */
  readonly onto: (answer: Answer) => Answer;
}

const OFF: Timing = { mark: () => undefined, onto: (answer) => answer };

/** A stopwatch, or nothing where it is switched off. */
export function createTiming(enabled: boolean): Timing {
  if (!enabled) return OFF;
  const stages: string[] = [];
  let last = performance.now();
  return {
    mark: (stage) => {
      const now = performance.now();
      stages.push(`${stage};dur=${(now - last).toFixed(1)}`);
      last = now;
    },
    onto: (answer) => ({ ...answer, headers: { ...answer.headers, 'Server-Timing': stages.join(', ') } }),
  };
}
