/**
 * The pool of connections. It lends them for one request each, the one that came back last first, so that those which
 * are not needed lie idle and are closed; requests that find none wait in their order.
 *
 * It is our own because every request passes it: a connection that lies ready is lent without a promise, and no
 * request sets a timer.
 */
import { apiError } from '../errors/codes.ts';
import type { ConnectionEvent, Observe } from '../observe/observation.ts';
import { type Backend, type BackendOptions, openBackend } from './backend.ts';
import { Recycler } from './recycler.ts';
import type { Outcome, Step } from './step.ts';
import { WaitingLine } from './waiting-line.ts';

export interface PoolOptions extends BackendOptions {
  /** Connections at most. */
  readonly dbPool: number;
  /** Seconds after which an idle connection is closed; 0 = never. */
  readonly dbPoolMaxIdletime: number;
  /** Seconds after which a connection is not lent again; 0 = never. */
  readonly dbPoolMaxLifetime: number;
}

/** A connection that was lent to one request. */
export interface Lease {
  readonly run: (steps: readonly Step[]) => Promise<Outcome>;
  /** How many times `run` was called. */
  readonly trips: () => number;
  /** Parses the steps' statements anew at their next use. */
  readonly forget: (steps: readonly Step[]) => void;
  /** What runs from now on may change settings of the session: they are undone before the connection's next use. */
  readonly taint: () => void;
  /** Stops reading what the server sends, or goes on: a server whose rows nobody takes stops making them. */
  readonly pause: (paused: boolean) => void;
  /**
   * Asks the server to stop what runs on the connection. That may arrive late and hit whatever runs then: the
   * connection is not lent again.
   */
  readonly cancel: () => void;
  /** Gives the connection back; one that is broken, or in a transaction, is closed instead. */
  readonly release: (broken?: Error) => void;
}

/** Numbers of connections, and of requests that wait for one. */
export interface PoolState {
  readonly open: number;
  readonly inUse: number;
  readonly waiting: number;
  readonly max: number;
  /** The last attempt to connect succeeded. */
  readonly reachable: boolean;
}

export interface Pool {
  /**
   * Lends a connection, at once where one lies ready. Rejects with ApiError PGRST003 when none becomes free in time,
   * PGRST000 when the database cannot be reached.
   */
  readonly acquire: () => Lease | Promise<Lease>;
  /** Takes back the memory of an answer's body once it has been sent, for other answers. */
  readonly recycle: (body: Buffer) => void;
  readonly state: () => PoolState;
  /** Closes all connections: those that are lent when they come back, or after a moment of grace. May be called again. */
  readonly close: () => Promise<void>;
}

/** For statements that were cancelled to say so. */
const GRACE_MS = 2000;

/** Between two looks at connections that lie idle, at most. */
const SWEEP_MS = 1000;

/** A connection that is out for so long may have been forgotten, or has much to do. */
const LONG_MS = 25;
const REST_MS = 1;

const RETRY_AFTER = { 'Retry-After': '1' };

/** A connection and what the pool knows of it. */
interface Member {
  readonly backend: Backend;
  readonly serial: number;
  /** Milliseconds of the clock. */
  readonly bornAt: number;
  idleSince: number;
  /** Null = it is not lent. */
  lentSince: number | null;
  /** Why it is being closed; null = it is not. */
  ending: ConnectionEvent | null;
}

/** One use of a connection. */
class Loan implements Lease {
  readonly #member: Member;
  readonly #giveBack: (member: Member, isBroken: boolean) => void;
  #trips = 0;
  #isOver = false;
  #isCancelled = false;

  constructor(member: Member, giveBack: (member: Member, isBroken: boolean) => void) {
    this.#member = member;
    this.#giveBack = giveBack;
  }

  run(steps: readonly Step[]): Promise<Outcome> {
    this.#trips += 1;
    return this.#member.backend.exchanger.run(steps);
  }

  trips(): number {
    return this.#trips;
  }

  forget(steps: readonly Step[]): void {
    this.#member.backend.exchanger.forget(steps);
  }

  taint(): void {
    this.#member.backend.exchanger.taint();
  }

  pause(paused: boolean): void {
    this.#member.backend.exchanger.pause(paused);
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#member.backend.cancel();
  }

  release(broken?: Error): void {
    if (this.#isOver) throw new Error('the connection was given back already');
    this.#isOver = true;
    this.#member.backend.exchanger.settle();
    this.#giveBack(this.#member, broken !== undefined || this.#isCancelled);
  }
}

/** Lends connections of `db-uri`. */
export const createPool = (options: PoolOptions, observe: Observe): Pool =>
  new ConnectionPool(options, observe);

class ConnectionPool implements Pool {
  readonly #options: PoolOptions;
  readonly #observe: Observe;
  readonly #recycler = new Recycler();
  /** All that are open. */
  readonly #members = new Set<Member>();
  /** Those that lie ready, the one that came back last at the end. */
  readonly #idle: Member[] = [];
  readonly #waiting: WaitingLine<Lease>;
  /** Attempts to connect that are under way. */
  #opening = 0;
  #serial = 0;
  #reachable = true;
  #sweeping: NodeJS.Timeout | null = null;
  #feeding: NodeJS.Immediate | null = null;
  /** When those who wait were last kept waiting for the others. */
  #rested = 0;
  #closing: Promise<void> | null = null;
  /** Told when the last connection has ended. */
  #onEmpty: (() => void) | null = null;

  constructor(options: PoolOptions, observe: Observe) {
    this.#options = options;
    this.#observe = observe;
    this.#waiting = new WaitingLine(options.dbPoolAcquisitionTimeout * 1000, () => this.#tooLate());
    observe({ kind: 'pool sized', max: options.dbPool });
  }

  acquire(): Lease | Promise<Lease> {
    if (this.#closing !== null) return Promise.reject(new Error('the pool is closed'));
    // whoever waits comes first
    const member = this.#waiting.length === 0 ? this.#idle.pop() : undefined;
    if (member !== undefined) return this.#lend(member);
    const waiting = this.#waiting.join();
    this.#openForWaiting();
    return waiting;
  }

  readonly state = (): PoolState => {
    const open = this.#members.size + this.#opening;
    return {
      open,
      inUse: open - this.#idle.length,
      waiting: this.#waiting.length,
      max: this.#options.dbPool,
      reachable: this.#reachable,
    };
  };

  recycle(body: Buffer): void {
    this.#recycler.give(body);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #lend(member: Member): Lease {
    member.lentSince = performance.now();
    return new Loan(member, this.#giveBack);
  }

  readonly #giveBack = (member: Member, isBroken: boolean): void => {
    member.lentSince = null;
    if (isBroken || !member.backend.exchanger.idle) {
      member.ending ??= 'closed by error';
      member.backend.destroy();
      // its place is free at once, whenever the socket tells of its end
      this.#remove(member);
    } else if (this.#closing !== null) {
      this.#retire(member, 'closed by shutdown');
    } else if (this.#isOld(member)) {
      this.#retire(member, 'closed by lifetime');
    } else {
      this.#serve(member);
    }
  };

  #isOld({ bornAt }: Member): boolean {
    const { dbPoolMaxLifetime } = this.#options;
    return dbPoolMaxLifetime > 0 && performance.now() - bornAt > dbPoolMaxLifetime * 1000;
  }

  /** Lays a connection ready, for who has waited longest if anybody waits. */
  #serve(member: Member): void {
    member.idleSince = performance.now();
    this.#idle.push(member);
    if (this.#waiting.length > 0) this.#feedLater();
    else this.#sweepLater();
  }

  /**
   * Lends to those who wait once all that has arrived is answered. To go on with a connection in the moment it comes
   * back keeps one PostgreSQL process and this one waking each other, and the system's scheduler may then forget the
   * other connections for seconds (seen with Linux 6.18, autogroups and two processors). Where one has been out for
   * long nevertheless, a moment of rest lets it have its turn.
   */
  #feedLater(): void {
    this.#feeding ??= setImmediate(() => {
      if (this.#needsRest(performance.now())) setTimeout(this.#feed, REST_MS);
      else this.#feed();
    });
  }

  readonly #feed = (): void => {
    this.#feeding = null;
    while (this.#waiting.length > 0) {
      const member = this.#idle.pop();
      if (member === undefined) return;
      this.#waiting.serve(this.#lend(member));
    }
    this.#sweepLater();
  };

  #needsRest(now: number): boolean {
    if (now - this.#rested < LONG_MS) return false;
    for (const { lentSince } of this.#members) {
      if (lentSince === null || now - lentSince < LONG_MS) continue;
      this.#rested = now;
      return true;
    }
    return false;
  }

  /** Opens as many connections as there are requests for them, and places. */
  #openForWaiting(): void {
    const { dbPool } = this.#options;
    while (this.#opening < this.#waiting.length && this.#members.size + this.#opening < dbPool) {
      this.#opening += 1;
      void this.#open();
    }
  }

  async #open(): Promise<void> {
    const born: { member: Member | null } = { member: null };
    let backend: Backend;
    try {
      backend = await openBackend(
        this.#options,
        (bytes) => this.#recycler.take(bytes),
        (error) => this.#ended(born.member, error),
      );
    } catch (error) {
      this.#opening -= 1;
      this.#reachable = false;
      this.#observe({ kind: 'database lost', error });
      this.#waiting.refuse(unreachable(error));
      this.#openForWaiting();
      this.#tellIfEmpty();
      return;
    }
    this.#opening -= 1;
    this.#reachable = true;
    const now = performance.now();
    this.#serial += 1;
    const member = {
      ...{ backend, serial: this.#serial, bornAt: now, idleSince: now },
      ...{ lentSince: null, ending: null },
    };
    born.member = member;
    this.#members.add(member);
    this.#observe({ kind: 'connection', event: 'established', connection: member.serial });
    if (this.#closing === null) this.#serve(member);
    else this.#retire(member, 'closed by shutdown');
  }

  /** A connection has ended by itself, or because it was told to. */
  #ended(member: Member | null, error: unknown): void {
    if (member === null || !this.#members.has(member)) return;
    // one that is lent tells its borrower, who gives it back
    if (member.lentSince !== null) return;
    // nobody waits for one that lies idle: it is replaced at the next request
    if (member.ending === null) this.#observe({ kind: 'database lost', error });
    member.ending ??= 'closed by error';
    this.#remove(member);
  }

  /** Says goodbye to a connection that lies ready. */
  #retire(member: Member, event: ConnectionEvent): void {
    member.ending = event;
    const at = this.#idle.indexOf(member);
    if (at >= 0) this.#idle.splice(at, 1);
    // where the goodbye cannot be said the socket ends, which is told
    member.backend.end().catch(() => member.backend.destroy());
  }

  #remove(member: Member): void {
    if (!this.#members.delete(member)) return;
    const at = this.#idle.indexOf(member);
    if (at >= 0) this.#idle.splice(at, 1);
    const event = member.ending ?? 'closed by error';
    this.#observe({ kind: 'connection', event, connection: member.serial });
    this.#openForWaiting();
    this.#tellIfEmpty();
  }

  #tellIfEmpty(): void {
    if (this.#members.size + this.#opening === 0) this.#onEmpty?.();
  }

  #tooLate(): Error {
    // where none is lent it is the database that does not answer
    if (this.#members.size === 0) {
      const cause = new Error('the database did not answer in time');
      this.#reachable = false;
      this.#observe({ kind: 'database lost', error: cause });
      return unreachable(cause);
    }
    this.#observe({ kind: 'pool timeout' });
    return apiError('PGRST003', 'Timed out acquiring connection from connection pool.', {
      headers: RETRY_AFTER,
    });
  }

  #sweepLater(): void {
    const { dbPoolMaxIdletime, dbPoolMaxLifetime } = this.#options;
    if (this.#sweeping !== null || (dbPoolMaxIdletime === 0 && dbPoolMaxLifetime === 0)) return;
    this.#sweeping = setTimeout(() => {
      this.#sweeping = null;
      this.#sweep();
      if (this.#idle.length > 0) this.#sweepLater();
    }, SWEEP_MS);
    // what lies idle keeps no process alive
    this.#sweeping.unref();
  }

  #sweep(): void {
    const { dbPoolMaxIdletime } = this.#options;
    const now = performance.now();
    for (const member of [...this.#idle]) {
      if (this.#isOld(member)) this.#retire(member, 'closed by lifetime');
      else if (dbPoolMaxIdletime > 0 && now - member.idleSince > dbPoolMaxIdletime * 1000) {
        this.#retire(member, 'closed by idleness');
      }
    }
  }

  async #close(): Promise<void> {
    if (this.#sweeping !== null) clearTimeout(this.#sweeping);
    const cause = new Error('the server is being stopped');
    this.#waiting.close(unreachable(cause));
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    for (const member of [...this.#idle]) this.#retire(member, 'closed by shutdown');
    const cut = setTimeout(() => {
      for (const member of [...this.#members]) {
        member.ending ??= 'closed by shutdown';
        member.backend.destroy();
        this.#remove(member);
      }
    }, GRACE_MS);
    this.#tellIfEmpty();
    await empty;
    clearTimeout(cut);
  }
}

/** PGRST000. */
const unreachable = (cause: unknown): Error =>
  apiError('PGRST000', 'Database connection error. Retrying the connection.', {
    headers: RETRY_AFTER,
    cause,
  });
