/**
 * A channel that one connection has joined, or is about to: who its member is, what it may do there, and what it is
 * told. A join is answered when everything that comes from then on will arrive, and not before; what comes meanwhile
 * is kept for after the answer.
 */
import { randomUUID } from 'node:crypto';
import type { ApiError } from '../../errors/error.ts';
import { endOf } from '../../identity/claims.ts';
import type { Identity } from '../../identity/role.ts';
import type { Access } from '../authorize.ts';
import type { Subscription } from '../changes.ts';
import { type Broadcast, broadcastFrames, type Frames } from '../frames.ts';
import { keyOf, type Member } from '../hub.ts';
import type { Place, Watching } from '../presence-copy.ts';
import type { ChannelContext } from './context.ts';
import { Inbox } from './inbox.ts';
import { type Join, parseJoin } from './join.ts';
import { type ClientMessage, isStorable } from './protocol.ts';
import { expiryOf, isPassing, Refusal, reasonFor, sentenceOf, tokenRefusal } from './refusal.ts';
import { Sender } from './sender.ts';
import { type Carrier, NOTHING, Voice } from './voice.ts';

/** The connection that has joined it. */
export interface ChannelOwner extends Carrier {
  readonly context: ChannelContext;
  /** Of the key that it connected with. */
  readonly identity: Identity;
  /** Whether it may send one more message in this second. */
  readonly takesMessage: () => boolean;
  /** The channel has ended. */
  readonly forget: (channel: Channel) => void;
}

/** A message that was kept, and comes again. */
type Replayed = Broadcast & { readonly id: string };

/** What a join came to. */
interface Entered {
  readonly join: Join;
  readonly isPresence: boolean;
  readonly replayed: readonly Replayed[];
}

/** What keys begin with that are no tokens, as Supabase makes them. */
const OPAQUE_KEY = 'sb_';
const ALL: Access = { broadcast: true, presence: true };
/** Messages of the client that wait for PostgreSQL. */
const MOST_TASKS = 1000;

export class Channel implements Member, Watching {
  /** Without `realtime:`. */
  readonly topic: string;
  readonly joinRef: string | null;
  readonly #owner: ChannelOwner;
  readonly #context: ChannelContext;
  readonly #voice: Voice;
  readonly #inbox: Inbox;
  readonly #member: number;
  #state: 'joining' | 'joined' | 'ended' = 'joining';
  #place: Place;
  #token: string | null = null;
  #identity: Identity;
  #access: Access = ALL;
  #wantsPresence = false;
  #watchesPresence = false;
  #sender: Sender | null = null;
  #subscription: Subscription | null = null;
  /** What it follows has ended before the join was answered. */
  #failure: ApiError | null = null;
  /** What has to wait for PostgreSQL keeps the order of the client's messages. */
  #work: Promise<void> | null = null;
  #tasks = 0;

  constructor(owner: ChannelOwner, topic: string, joinRef: string | null) {
    this.#owner = owner;
    this.#context = owner.context;
    this.#identity = owner.identity;
    this.#voice = new Voice(owner, topic, joinRef);
    this.#inbox = new Inbox((frames) => this.#voice.frames(frames));
    this.topic = topic;
    this.#place = { topic, private: false };
    this.joinRef = joinRef;
    this.#member = owner.context.nextMember();
  }

  /** Joins, and answers. Never rejects. */
  async join(message: ClientMessage): Promise<void> {
    const { observe } = this.#context;
    try {
      const entered = await this.#enter(message);
      if (entered !== null) this.#welcome(message, entered);
    } catch (error) {
      if (this.#isOver()) return;
      const reason = reasonFor(error, observe);
      observe({ kind: 'channel refused', reason });
      this.#voice.refuse(message, reason);
      this.leave();
    }
  }

  /** Takes a message of the client. */
  receive(message: ClientMessage): void {
    if (message.event === 'phx_leave') {
      this.#voice.answer(message, 'ok', NOTHING);
      this.replaced();
    } else if (message.event === 'broadcast' && this.#work === null && this.#sender?.isDecided === true) {
      this.#try(() => this.#sender?.broadcast(message));
    } else {
      this.#inOrder(() => this.#receiveLater(message));
    }
  }

  /** Another join of the same topic takes its place, or the client has left. */
  replaced(): void {
    this.#voice.push('phx_close', NOTHING);
    this.leave();
  }

  /** Leaves everything, without a word. */
  leave(): void {
    if (this.#isOver()) return;
    const { hub, presence, deadlines, observe } = this.#context;
    if (this.#state === 'joined') observe({ kind: 'channel left' });
    this.#state = 'ended';
    this.#voice.silence();
    this.#sender?.end();
    hub.remove(keyOf(this.#place), this);
    deadlines.set(this, null);
    presence.unwatch(this.#place, this);
    // what fails is observed there, and set right later
    presence.untrack(this.#member).catch(() => undefined);
    this.#subscription?.end();
    this.#owner.forget(this);
  }

  /** The token has ended. */
  end(): void {
    this.#shutDown(expiryOf(this.#identity.claims['exp']));
  }

  /** Says that something is lost; clients join again. */
  fail(reason: string, extension: 'system' | 'postgres_changes' = 'system'): void {
    this.#voice.system(extension, 'error', reason);
    this.#voice.push('phx_error', NOTHING);
    this.leave();
  }

  receivePresence(frames: Frames): void {
    // the state that follows the answer has it
    if (this.#state === 'joined') this.#voice.frames(frames);
  }

  receiveBroadcast(frames: Frames, id: string | null): void {
    if (!this.#access.broadcast || this.#inbox.receive(frames, id)) return;
    this.fail('Too many messages before the channel was joined');
  }

  /** Everything that a join asks for; null = it was left meanwhile. */
  async #enter(message: ClientMessage): Promise<Entered | null> {
    const { bus, hub, authorizer } = this.#context;
    const join = this.#parse(message);
    this.#place = { topic: this.topic, private: join.private };
    this.#wantsPresence = join.presence;
    await this.#identifyToJoin(join.token);
    await bus.ready();
    if (join.private) this.#access = await this.#authorize();
    if (this.#isOver()) return null;
    hub.add(keyOf(this.#place), this);
    this.#sender = this.#senderFor(join);
    const isPresence = join.presence && this.#access.presence;
    if (isPresence) await this.#watchPresence();
    if (join.bindings.length > 0 && !this.#isOver()) await this.#follow(join);
    const kept = join.replay === null ? [] : await authorizer.replay(this.#identity, this.topic, join.replay);
    if (this.#isOver()) return null;
    if (this.#failure !== null) throw this.#failure;
    const replayed = kept.map((one) => ({ ...one, ...this.#place, whole: null, replayed: true }));
    return { join, isPresence, replayed };
  }

  #parse(message: ClientMessage): Join {
    const join = parseJoin(message.payload);
    if (typeof join === 'string') throw new Refusal(`InvalidJoinPayload: ${join}`);
    if (!isStorable(join.presenceKey ?? '')) {
      throw new Refusal('InvalidJoinPayload: config.presence.key: NUL, or half a character');
    }
    if (!join.private && this.#context.rest.settings().config.realtimePrivateOnly) {
      throw new Refusal('PrivateOnly: This project only allows private channels');
    }
    if (join.replay !== null && !join.private) {
      throw new Refusal('UnableToReplayMessages: Replay is not allowed for public channels');
    }
    return join;
  }

  #senderFor(join: Join): Sender {
    const speaker = {
      context: this.#context,
      voice: this.#voice,
      place: this.#place,
      join,
      key: join.presenceKey ?? randomUUID(),
      member: this.#member,
      self: this,
      takesMessage: () => this.#owner.takesMessage(),
      // who says something of itself hears of the others from then on
      appears: () => this.#watchPresence(),
    };
    return new Sender(speaker, this.#identity);
  }

  /** Answers the join; what the client is to know from the beginning follows. */
  #welcome(message: ClientMessage, { join, isPresence, replayed }: Entered): void {
    this.#state = 'joined';
    const bindings = this.#subscription?.bindings ?? [];
    this.#voice.answer(message, 'ok', JSON.stringify({ postgres_changes: bindings }));
    this.#context.observe({ kind: 'channel joined' });
    if (isPresence) this.#voice.push('presence_state', this.#context.presence.stateOf(this.#place));
    for (const kept of replayed) this.#voice.frames(broadcastFrames(kept));
    this.#inbox.open(replayed.map(({ id }) => id));
    if (this.#subscription !== null) {
      this.#voice.system('postgres_changes', 'ok', 'Subscribed to PostgreSQL');
      this.#subscription.begin();
    }
    if (join.replicationReady) this.#voice.system('system', 'ok', 'Replication connection established');
  }

  /** Who the member is, by this token, or by the connection's key. */
  async #identify(token: string | null): Promise<void> {
    // a key that is no token is that of the connection
    if (token !== null && !token.startsWith(OPAQUE_KEY)) {
      const { authenticate } = this.#context.rest.settings();
      try {
        this.#identity = await authenticate({ authorization: `Bearer ${token}` });
      } catch (error) {
        throw tokenRefusal(error, token);
      }
    }
    this.#token = token;
    if (!this.#isOver()) this.#context.deadlines.set(this, endOf(this.#identity.claims));
  }

  async #identifyToJoin(token: string | null): Promise<void> {
    try {
      await this.#identify(token);
    } catch (error) {
      throw error instanceof Refusal ? new Refusal(`InvalidJWTToken: ${error.message}`) : error;
    }
  }

  async #authorize(): Promise<Access> {
    const access = await this.#context.authorizer.mayReceive(this.#identity, this.topic);
    if (access.broadcast || (access.presence && this.#wantsPresence)) return access;
    throw new Refusal(
      `Unauthorized: You do not have permissions to read from this Channel topic: ${this.topic}`,
    );
  }

  async #watchPresence(): Promise<void> {
    if (this.#watchesPresence || !this.#access.presence) return;
    this.#watchesPresence = true;
    await this.#context.presence.watch(this.#place, this);
    if (this.#isOver()) this.#context.presence.unwatch(this.#place, this);
  }

  async #follow({ bindings }: Join): Promise<void> {
    const subscription = await this.#context.changes.subscribe(this.#identity, bindings, {
      topic: this.topic,
      tell: (frames) => this.#voice.frames(frames),
      reset: (table) => this.#tellReset(table),
      fail: (error) => this.#failChanges(error),
    });
    this.#subscription = subscription;
    if (this.#isOver()) subscription.end();
  }

  async #receiveLater(message: ClientMessage): Promise<void> {
    const { event } = message;
    if (event === 'access_token') {
      await this.#refresh(message);
    } else if (this.#sender === null || (event !== 'broadcast' && event !== 'presence')) {
      this.#voice.refuse(message, `UnknownEvent: ${event.slice(0, 100)}`);
    } else {
      try {
        await (event === 'broadcast'
          ? this.#sender.broadcastIfAllowed(message)
          : this.#sender.presence(message));
      } catch (error) {
        if (error instanceof Refusal) throw error;
        this.#voice.refuse(message, reasonFor(error, this.#context.observe));
      }
    }
  }

  /** A new token: what it may do is asked anew. */
  async #refresh({ payload }: ClientMessage): Promise<void> {
    const token = payload['access_token'];
    if (typeof token !== 'string' || token === this.#token || token.startsWith(OPAQUE_KEY)) return;
    const { claimsText } = this.#identity;
    await this.#identify(token);
    if (this.#place.private) {
      const access = await this.#authorize();
      const lost =
        (this.#access.broadcast && !access.broadcast) ||
        (this.#access.presence && !access.presence && this.#wantsPresence);
      if (lost) {
        throw new Refusal(`You no longer have permission to read from this Channel topic: ${this.topic}`);
      }
      this.#access = access;
    }
    this.#sender?.become(this.#identity);
    const isOther = claimsText !== this.#identity.claimsText;
    if (isOther && !this.#isOver()) await this.#subscription?.become(this.#identity);
  }

  #inOrder(work: () => Promise<void>): void {
    if (this.#tasks >= MOST_TASKS) {
      this.#shutDown('Too many messages wait for the database');
      return;
    }
    this.#tasks += 1;
    const run = async (): Promise<void> => {
      try {
        if (this.#state === 'joined') await work();
      } catch (error) {
        this.#conclude(error);
      } finally {
        this.#tasks -= 1;
        if (this.#tasks === 0) this.#work = null;
      }
    };
    this.#work = (this.#work ?? Promise.resolve()).then(run);
  }

  #try(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#conclude(error);
    }
  }

  /** Ends the channel for a reason. */
  #conclude(error: unknown): void {
    const reason = reasonFor(error, this.#context.observe);
    if (isPassing(error)) this.fail(reason);
    else this.#shutDown(reason);
  }

  #tellReset(table: string): void {
    if (this.#state !== 'joined') return;
    const message = `Rows of ${table} may have changed in a way that is not told row by row: read them anew`;
    this.#voice.system('postgres_changes', 'error', message);
  }

  #failChanges(error: ApiError): void {
    if (this.#state === 'joining') this.#failure = error;
    else this.fail(sentenceOf(error), 'postgres_changes');
  }

  #shutDown(message: string): void {
    this.#voice.system('system', 'error', message);
    this.replaced();
  }

  #isOver(): boolean {
    return this.#state === 'ended';
  }
}
