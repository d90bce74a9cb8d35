/**
 * A channel that one connection has joined, or is about to: who its member is, what it may do there, and what it is
 * told. A join is answered when everything that comes from then on will arrive, and not before; what comes meanwhile
 * is kept for after the answer.
 */
import { randomUUID } from 'node:crypto';
import { ApiError } from '../../errors/error.ts';
import { endOf } from '../../identity/claims.ts';
import type { Identity } from '../../identity/role.ts';
import type { Access, Extension } from '../authorize.ts';
import type { Subscription } from '../changes.ts';
import { type Broadcast, broadcastFrames, type Frames, wireTopic } from '../frames.ts';
import { keyOf, type Member } from '../hub.ts';
import type { Place, Watching } from '../presence.ts';
import { relayEntry } from '../relay-entry.ts';
import type { ChannelContext } from './context.ts';
import { type Join, parseJoin } from './join.ts';
import { type ClientMessage, isStorable, reasonOf, type ServerMessage } from './protocol.ts';

/** Why a join, or the channel behind it, cannot be. */
class Refusal extends Error {
  override readonly name = 'Refusal';
}

/** What PostgreSQL or the planner says, in a sentence. */
function sentenceOf({ code, message, details, hint }: ApiError): string {
  const more = [details, hint].filter((text): text is string => typeof text === 'string' && text !== '');
  return `${code}: ${[message, ...more].join('. ')}`;
}

const ALL: Access = { broadcast: true, presence: true };
const OK = '{}';
/** What may come between a join and its answer. */
const MOST_WAITING = 1000;

interface Waiting {
  readonly frames: Frames;
  readonly id: string | null;
}

/** The connection that has joined it. */
export interface ChannelOwner {
  readonly context: ChannelContext;
  /** Of the key that it connected with. */
  readonly identity: Identity;
  readonly send: (message: ServerMessage) => void;
  readonly sendFrames: (frames: Frames) => void;
  /** Whether it may send one more message in this second. */
  readonly takesMessage: () => boolean;
  /** The channel has ended. */
  readonly forget: (channel: Channel) => void;
}

export class Channel implements Member, Watching {
  /** Without `realtime:`. */
  readonly topic: string;
  readonly joinRef: string | null;
  readonly #connection: ChannelOwner;
  readonly #context: ChannelContext;
  readonly #member: number;
  #state: 'joining' | 'joined' | 'ended' = 'joining';
  #join: Join | null = null;
  #token: string | null = null;
  #identity: Identity;
  #access: Access = ALL;
  /** What it may send, where that has been asked. */
  #sends: Partial<Record<Extension, boolean>> = {};
  #key = '';
  #subscription: Subscription | null = null;
  /** What it follows has ended before the join was answered. */
  #failure: ApiError | null = null;
  /** Broadcasts until the join is answered. */
  #waiting: Waiting[] | null = [];
  /** Messages that were replayed, and may come once more. */
  #replayed: ReadonlySet<string> | null = null;
  /** What has to wait for PostgreSQL keeps the order of the client's messages. */
  #work: Promise<void> | null = null;
  #works = 0;

  constructor(connection: ChannelOwner, topic: string, joinRef: string | null) {
    this.#connection = connection;
    this.#context = connection.context;
    this.#identity = connection.identity;
    this.topic = topic;
    this.joinRef = joinRef;
    this.#member = connection.context.nextMember();
  }

  /** Joins, and answers. Never rejects. */
  async join(message: ClientMessage): Promise<void> {
    try {
      await this.#enter(message);
    } catch (error) {
      if (this.#state === 'ended') return;
      const reason = this.#explain(error);
      this.#context.observe({ kind: 'channel refused', reason });
      this.#answer(message, 'error', reasonOf(reason));
      this.leave();
    }
  }

  /** Takes a message of the client. */
  receive(message: ClientMessage): void {
    if (message.event === 'phx_leave') {
      this.#answer(message, 'ok', OK);
      this.#push('phx_close', OK);
      this.leave();
      return;
    }
    if (this.#work === null && this.#receiveAtOnce(message)) return;
    this.#inOrder(() => this.#receiveLater(message));
  }

  /** Another join of the same topic takes its place. */
  replaced(): void {
    this.#push('phx_close', OK);
    this.leave();
  }

  /** Leaves everything, without a word. */
  leave(): void {
    if (this.#state === 'ended') return;
    const { hub, presence, deadlines, observe } = this.#context;
    if (this.#state === 'joined') observe({ kind: 'channel left' });
    this.#state = 'ended';
    hub.remove(this.#hubKey(), this);
    deadlines.set(this, null);
    presence.unwatch(this.#place(), this);
    // what fails is observed there, and set right later
    presence.untrack(this.#member).catch(() => undefined);
    this.#subscription?.end();
    this.#waiting = null;
    this.#connection.forget(this);
  }

  /** The token has ended. */
  end(): void {
    this.#shutDown('Token has expired');
  }

  /** Says that something is lost; clients join again. */
  fail(reason: string): void {
    this.#system('system', 'error', reason);
    this.#push('phx_error', OK);
    this.leave();
  }

  receivePresence(frames: Frames): void {
    // the state that follows the answer has it
    if (this.#state === 'joined') this.#connection.sendFrames(frames);
  }

  readonly #take = ({ frames, id }: Waiting): void => {
    if (id === null || this.#replayed?.has(id) !== true) this.#connection.sendFrames(frames);
  };

  /** Takes a broadcast, or keeps it until the join is answered. */
  receiveBroadcast(frames: Frames, id: string | null): void {
    if (!this.#access.broadcast) return;
    if (this.#waiting === null) this.#take({ frames, id });
    else if (this.#waiting.length < MOST_WAITING) this.#waiting.push({ frames, id });
    else this.fail('Too many messages before the channel was joined');
  }

  async #enter(message: ClientMessage): Promise<void> {
    const { bus, hub, presence, changes, authorizer } = this.#context;
    const join = parseJoin(message.payload);
    if (typeof join === 'string') throw new Refusal(`InvalidJoinPayload: ${join}`);
    this.#join = join;
    this.#key = join.presenceKey ?? randomUUID();
    if (!isStorable(this.#key))
      throw new Refusal('InvalidJoinPayload: config.presence.key: NUL, or half a character');
    await this.#identify(join.token);
    if (!join.private && this.#context.rest.settings().config.realtimePrivateOnly) {
      throw new Refusal('PrivateOnly: Only private channels are served');
    }
    if (join.replay !== null && !join.private) {
      throw new Refusal('UnableToReplayMessages: Replay is not allowed for public channels');
    }
    await bus.ready();
    if (join.private) this.#access = await this.#authorize(this.#identity);
    if (this.#isOver()) return;
    hub.add(this.#hubKey(), this);
    const isPresence = join.presence && this.#access.presence;
    if (isPresence) await presence.watch(this.#place(), this);
    if (join.bindings.length > 0 && !this.#isOver()) {
      const subscription = await changes.subscribe(this.#identity, join.bindings, {
        tell: (frames) => this.#tellChange(frames),
        reset: (table) => this.#resetChanges(table),
        fail: (error) => this.#failChanges(error),
        topic: this.topic,
      });
      this.#subscription = subscription;
      if (this.#isOver()) subscription.end();
    }
    const replayed =
      join.replay === null ? [] : await authorizer.replay(this.#identity, this.topic, join.replay);
    if (this.#isOver()) {
      presence.unwatch(this.#place(), this);
      return;
    }
    if (this.#failure !== null) throw this.#failure;
    this.#welcome(
      message,
      isPresence,
      replayed.map((kept) => ({ ...kept, topic: this.topic, private: true, whole: null, replayed: true })),
    );
  }

  /** Answers the join; what the client is to know from the beginning follows. */
  #welcome(
    message: ClientMessage,
    isPresence: boolean,
    replayed: readonly (Broadcast & { id: string })[],
  ): void {
    this.#state = 'joined';
    const bindings = this.#subscription?.bindings ?? [];
    this.#answer(message, 'ok', JSON.stringify({ postgres_changes: bindings }));
    this.#context.observe({ kind: 'channel joined' });
    if (isPresence) this.#push('presence_state', this.#context.presence.stateOf(this.#place()));
    if (replayed.length > 0) this.#replayed = new Set(replayed.map(({ id }) => id));
    for (const kept of replayed) this.#connection.sendFrames(broadcastFrames(kept));
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const one of waiting) this.#take(one);
    if (this.#subscription !== null) {
      this.#system('postgres_changes', 'ok', 'Subscribed to PostgreSQL');
      this.#subscription.begin();
    }
    if (this.#join?.replicationReady) this.#system('system', 'ok', 'Replication connection established');
  }

  /** Who the member is, by this token, or by the connection's key. */
  async #identify(token: string | null): Promise<void> {
    if (token !== null) {
      const { authenticate } = this.#context.rest.settings();
      this.#identity = await authenticate({ authorization: `Bearer ${token}` });
    }
    this.#token = token;
    this.#context.deadlines.set(this, endOf(this.#identity.claims));
  }

  async #authorize(identity: Identity): Promise<Access> {
    const access = await this.#context.authorizer.mayReceive(identity, this.topic);
    if (access.broadcast || (access.presence && this.#join?.presence)) return access;
    throw new Refusal(
      `Unauthorized: You do not have permissions to read from this Channel topic: ${this.topic}`,
    );
  }

  /** What needs no answer of PostgreSQL. Gives whether that was all. */
  #receiveAtOnce(message: ClientMessage): boolean {
    const { event } = message;
    if (this.#state !== 'joined') return false;
    if (event === 'broadcast' && (this.#join?.private !== true || this.#sends.broadcast !== undefined)) {
      this.#broadcast(message);
      return true;
    }
    return false;
  }

  async #receiveLater(message: ClientMessage): Promise<void> {
    if (this.#state !== 'joined') return;
    const { event } = message;
    if (event === 'broadcast' || event === 'presence') {
      try {
        await (event === 'broadcast' ? this.#broadcastIfAllowed(message) : this.#presence(message));
      } catch (error) {
        this.#answer(message, 'error', reasonOf(this.#explain(error)));
      }
    } else if (event === 'access_token') {
      await this.#refresh(message);
    } else {
      this.#answer(message, 'error', reasonOf(`UnknownEvent: ${event.slice(0, 100)}`));
    }
  }

  #inOrder(work: () => Promise<void>): void {
    if (this.#works >= MOST_WAITING) {
      this.#shutDown('Too many messages wait for the database');
      return;
    }
    this.#works += 1;
    const run = async (): Promise<void> => {
      try {
        await work();
      } catch (error) {
        const reason = this.#explain(error);
        // what is no fault of the client's it may try again
        if (error instanceof Refusal || (error instanceof ApiError && error.status < 500))
          this.#shutDown(reason);
        else this.fail(reason);
      } finally {
        this.#works -= 1;
        if (this.#works === 0) this.#work = null;
      }
    };
    this.#work = (this.#work ?? Promise.resolve()).then(run);
  }

  async #askToSend(extension: Extension): Promise<boolean> {
    if (this.#join?.private !== true) return true;
    this.#sends[extension] ??= await this.#context.authorizer.maySend(this.#identity, this.topic, extension);
    return this.#sends[extension] ?? false;
  }

  async #broadcastIfAllowed(message: ClientMessage): Promise<void> {
    await this.#askToSend('broadcast');
    if (!this.#isOver()) this.#broadcast(message);
  }

  #broadcast(message: ClientMessage): void {
    const { bus, hub, observe, rest } = this.#context;
    const ack = this.#join?.ack === true;
    if (!this.#connection.takesMessage()) {
      this.#shutDown('Too many messages per second');
      return;
    }
    const isPrivate = this.#join?.private === true;
    if (isPrivate && this.#sends.broadcast !== true) {
      this.#answer(message, 'error', reasonOf(this.#mayNotSend()));
      return;
    }
    const broadcast = this.#broadcastOf(message, isPrivate);
    if (sizeOf(broadcast) > rest.settings().config.realtimeMaxMessageSize) {
      this.#answer(message, 'error', reasonOf('payload_size_exceeded'));
      return;
    }
    const receivers = hub.deliver(broadcast, this.#join?.self === true ? null : this);
    observe({ kind: 'broadcast', receivers });
    const told = bus.tell(relayEntry(broadcast));
    if (!ack) {
      // what fails is observed there
      told.catch(() => undefined);
      return;
    }
    told.then(
      () => this.#answer(message, 'ok', OK),
      (error: unknown) => this.#answer(message, 'error', reasonOf(this.#explain(error))),
    );
  }

  #broadcastOf({ payload: sent, binary }: ClientMessage, isPrivate: boolean): Broadcast {
    const common = { topic: this.topic, private: isPrivate, id: null, replayed: false };
    if (binary !== null) return { ...common, ...binary, whole: null };
    const { type, event, payload, ...more } = sent;
    const isPlain =
      (type === undefined || type === 'broadcast') &&
      typeof event === 'string' &&
      payload !== undefined &&
      Object.keys(more).length === 0;
    return {
      ...common,
      event: typeof event === 'string' ? event : '',
      payload: JSON.stringify(payload ?? null),
      whole: isPlain ? null : JSON.stringify(sent),
    };
  }

  async #presence(message: ClientMessage): Promise<void> {
    const { payload } = message;
    const { presence, rest } = this.#context;
    const event = String(payload['event']).toLowerCase();
    if (!this.#connection.takesMessage()) {
      this.#shutDown('Too many presence messages per second');
      return;
    }
    if (event === 'untrack') {
      await presence.untrack(this.#member);
    } else if (event === 'track') {
      const said = payload['payload'] ?? {};
      if (typeof said !== 'object' || Array.isArray(said)) {
        this.#answer(message, 'error', reasonOf('Presence track payload must be a map'));
        return;
      }
      const text = JSON.stringify(said);
      if (Buffer.byteLength(text) > rest.settings().config.realtimeMaxMessageSize) {
        this.#shutDown('Track message size exceeded');
        return;
      }
      if (!(await this.#askToSend('presence'))) {
        this.#answer(message, 'error', reasonOf(this.#mayNotSend()));
        return;
      }
      if (this.#isOver()) return;
      await presence.track(this.#member, this.#place(), this.#key, text);
    } else {
      this.#answer(message, 'error', reasonOf('UnknownPresenceEvent'));
      return;
    }
    this.#answer(message, 'ok', OK);
  }

  /** A new token: what it may do is asked anew. */
  async #refresh({ payload }: ClientMessage): Promise<void> {
    const token = payload['access_token'];
    if (typeof token !== 'string' || token === this.#token) return;
    const before = this.#identity;
    await this.#identify(token);
    if (this.#join?.private === true) {
      const access = await this.#authorize(this.#identity);
      const lost =
        (this.#access.broadcast && !access.broadcast) ||
        (this.#access.presence && !access.presence && this.#join.presence);
      if (lost) {
        throw new Refusal(`You no longer have permission to read from this Channel topic: ${this.topic}`);
      }
      this.#access = access;
      this.#sends = {};
    }
    const isOther = before.claimsText !== this.#identity.claimsText;
    if (isOther && !this.#isOver()) await this.#subscription?.become(this.#identity);
  }

  #tellChange(frames: Frames): void {
    if (this.#state === 'joined') this.#connection.sendFrames(frames);
  }

  #resetChanges(table: string): void {
    if (this.#state !== 'joined') return;
    const message = `Rows of ${table} may have changed in a way that is not told row by row: read them anew`;
    this.#system('postgres_changes', 'error', message);
  }

  #failChanges(error: ApiError): void {
    if (this.#state === 'joining') {
      this.#failure = error;
      return;
    }
    this.#system('postgres_changes', 'error', sentenceOf(error));
    this.#push('phx_error', OK);
    this.leave();
  }

  #shutDown(message: string): void {
    if (this.#state === 'ended') return;
    this.#system('system', 'error', message);
    this.#push('phx_close', OK);
    this.leave();
  }

  #explain(error: unknown): string {
    if (error instanceof Refusal) return error.message;
    if (error instanceof ApiError) {
      const isToken = error.status === 401 && error.code.startsWith('PGRST30');
      return isToken ? `InvalidJWTToken: ${error.message}` : sentenceOf(error);
    }
    this.#context.observe({ kind: 'defect', error, requestId: null });
    return 'UnknownErrorOnChannel: Something went wrong';
  }

  #mayNotSend(): string {
    return `Unauthorized: You do not have permissions to write to this Channel topic: ${this.topic}`;
  }

  #isOver(): boolean {
    return this.#state === 'ended';
  }

  #hubKey(): string {
    return keyOf(this.topic, this.#join?.private === true);
  }

  #place(): Place {
    return { topic: this.topic, private: this.#join?.private === true };
  }

  #answer({ ref }: ClientMessage, status: 'ok' | 'error', response: string): void {
    if (ref === null || this.#state === 'ended') return;
    const payload = `{"status":"${status}","response":${response}}`;
    this.#connection.send({
      joinRef: this.joinRef,
      ref,
      topic: wireTopic(this.topic),
      event: 'phx_reply',
      payload,
    });
  }

  #push(event: string, payload: string): void {
    const topic = wireTopic(this.topic);
    // Phoenix names the join where a channel ends
    const ref = event === 'phx_close' || event === 'phx_error' ? this.joinRef : null;
    this.#connection.send({ joinRef: this.joinRef, ref, topic, event, payload });
  }

  #system(extension: string, status: 'ok' | 'error', message: string): void {
    this.#push('system', JSON.stringify({ extension, status, message, channel: this.topic }));
  }
}

const sizeOf = ({ whole, payload }: Broadcast): number => Buffer.byteLength(whole ?? payload);
