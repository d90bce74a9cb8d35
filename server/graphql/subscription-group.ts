/**
 * A group of subscribers who are answered the same: the answer is read once for all of them, and again in rounds in
 * which something has changed that it depends on; it is told where it is another one than before.
 */
import { GraphQLError } from 'graphql';
import { ApiError } from '../errors/error.ts';
import type { Round } from '../realtime/feed.ts';
import { Group, type Joiner, type Reading } from '../realtime/group.ts';
import { DocumentError } from './operation.ts';
import type { SubscriptionPlan } from './subscription-plan.ts';

/** A change of the schema is in the log before the catalog has been loaded anew; no longer than this, or not at all. */
const RELOAD_MS = 5000;

/** A name that the database does not know any more (class 42, permissions apart). */
const isOutdated = (error: unknown): boolean =>
  error instanceof ApiError && /^42/.test(error.code) && error.code !== '42501';

/** An operation that cannot be planned any more: under another catalog, say. */
const isUnfit = (error: unknown): boolean =>
  error instanceof DocumentError ||
  error instanceof GraphQLError ||
  (error instanceof ApiError && error.code.startsWith('AURA'));

/** Those who are told the same answer: all of it, as one line. */
export class SubscriptionGroup extends Group<SubscriptionPlan, Buffer> {
  /** What was told last; null = nothing yet. */
  #answer: Buffer | null = null;
  #doubting: NodeJS.Timeout | undefined;

  override async follow(round: Round): Promise<() => void> {
    try {
      return await super.follow(round);
    } catch (error) {
      // what PostgreSQL refuses, and a connection that is lost, is the round's to see to
      if (!isUnfit(error)) throw error;
      return () => this.fail(error);
    }
  }

  protected async read(plan: SubscriptionPlan, { run }: Reading): Promise<() => void> {
    let answer: Buffer;
    try {
      answer = plan.answerOf((await run(plan.task)).rows);
    } catch (error) {
      if (this.#answer === null || !isOutdated(error)) throw error;
      return () => this.#doubt(error);
    }
    return () => {
      clearTimeout(this.#doubting);
      this.plan = plan;
      if (this.#answer?.equals(answer)) return;
      this.#answer = answer;
      for (const follower of [...this.followers]) follower.send(answer);
    };
  }

  /** What was told last is what the newcomers begin with: whatever comes later they are told with all others. */
  protected receive(joining: Iterable<Joiner<Buffer>>): void {
    const answer = this.#answer;
    if (answer !== null) for (const joiner of joining) this.welcome(joiner, answer);
  }

  protected override finish(): void {
    clearTimeout(this.#doubting);
    super.finish();
  }

  /** Waits for the catalog that has what the database has now: with it everything is read anew. */
  #doubt(error: unknown): void {
    clearTimeout(this.#doubting);
    this.#doubting = setTimeout(() => this.fail(error), RELOAD_MS).unref();
  }
}
