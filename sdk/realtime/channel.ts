/**
 * Channels: messages between clients, who is there, and changes of tables (docs/channels.md). A channel is joined
 * again by itself, with all that it had, whenever the connection comes back.
 */
import { AuraError, ownError } from '../error.ts';
import type { AnyRelation, AnySchema, RelationName, RelationOf } from '../types/database.ts';
import { type Message, refusalOf, type Socket } from './socket.ts';
import { Pause, type Pauses, pauseBefore } from './wake.ts';

export type Change<Row> = {
  readonly schema: string;
  readonly table: string;
  /** ISO 8601. */
  readonly at: string;
} & (
  | { readonly kind: 'INSERT'; readonly new: Row; readonly old: null }
  /** `old`: the key; with REPLICA IDENTITY FULL all columns. */
  | { readonly kind: 'UPDATE'; readonly new: Row; readonly old: Partial<Row> }
  | { readonly kind: 'DELETE'; readonly new: null; readonly old: Partial<Row> }
);

type RowOf<Relation extends AnyRelation> = Relation['Row'];

/** Changes of a table that the channel brings; rows that the caller may not see do not come. */
export type Watch<Schema extends AnySchema> = {
  [Name in RelationName<Schema>]: {
    readonly table: Name;
    readonly schema?: string;
    /** All unless said. */
    readonly event?: 'INSERT' | 'UPDATE' | 'DELETE';
    /** Such as `project_id=eq.1`. */
    readonly filter?: string;
    readonly on: (change: Change<RowOf<RelationOf<Schema, Name>>>) => void;
  };
}[RelationName<Schema>];

/** Who is there: by key, what each of its members says of itself. */
export type Presence<Meta> = Readonly<Record<string, readonly Meta[]>>;

export interface ChannelOptions<Schema extends AnySchema, Meta extends object> {
  /** Only for those whom the policies of realtime.messages let in. */
  readonly private?: boolean;
  /** Whether messages come back to this client, too. */
  readonly self?: boolean;
  /** Whether `send` waits until the server has the message. */
  readonly acknowledge?: boolean;
  /** Handlers of messages, by the names of their events; `*` = all. */
  readonly messages?: Readonly<Record<string, (payload: unknown, event: string) => void>>;
  /** Under which key `track` makes this client known; one of its own unless said. */
  readonly key?: string;
  /** Told of everybody who is there, each time that somebody comes or goes. */
  readonly presence?: (state: Presence<Meta>) => void;
  readonly changes?: readonly Watch<Schema>[];
  readonly onStatus?: (status: ChannelStatus, error: AuraError | null) => void;
}

/** `joined`: everything from now on will come. */
export type ChannelStatus = 'joining' | 'joined' | 'rejoining' | 'closed';

interface Metas {
  readonly metas: readonly ({ readonly phx_ref?: string } & object)[];
}

/** What a channel needs of its options, whatever the schema's types are. */
type Options = Omit<ChannelOptions<AnySchema, object>, 'changes'> & {
  readonly changes?: readonly {
    readonly table: string;
    readonly schema?: string;
    readonly event?: string;
    readonly filter?: string;
    readonly on: (change: never) => void;
  }[];
};

export class Channel<Meta extends object = Record<string, unknown>> {
  readonly topic: string;
  readonly #socket: Socket;
  readonly #options: Options;
  readonly #schema: string;
  readonly #pauses: Pauses;
  readonly #pause = new Pause();
  #status: ChannelStatus = 'joining';
  #joinRef: string | null = null;
  #failures = 0;
  /** The server's numbers of what is watched, in the order of `changes`. */
  #watched: readonly number[] = [];
  #here = new Map<string, Metas['metas']>();
  #tracked: Meta | null = null;
  #first: { resolve: () => void; reject: (error: AuraError) => void } | null = null;

  constructor(socket: Socket, name: string, options: object, schema: string, pauses: Pauses) {
    this.topic = `realtime:${name}`;
    this.#socket = socket;
    this.#options = options;
    this.#schema = schema;
    this.#pauses = pauses;
  }

  get status(): ChannelStatus {
    return this.#status;
  }

  /** Who is there. */
  get presence(): Presence<Meta> {
    return Object.fromEntries(
      [...this.#here].map(([key, metas]) => [key, metas.map(({ phx_ref: _ref, ...meta }) => meta as Meta)]),
    );
  }

  /** Resolves when it is joined. @throws AuraError where it is refused */
  join(): Promise<this> {
    return new Promise((resolve, reject) => {
      this.#first = { resolve: () => resolve(this), reject };
      this.#socket.add(this);
    });
  }

  /** Sends a message to everybody else in the channel. @throws AuraError where there is no connection, or no leave */
  async send(event: string, payload: unknown): Promise<void> {
    this.#needsJoin();
    const message = { type: 'broadcast', event, payload };
    if (this.#options.acknowledge) await this.#socket.ask(this.topic, 'broadcast', message, this.#joinRef);
    else this.#socket.post(this.topic, 'broadcast', message, this.#joinRef);
  }

  /** Makes this client known to the others, or says something else of it; again by itself after a loss. */
  async track(meta: Meta): Promise<void> {
    this.#needsJoin();
    this.#tracked = meta;
    await this.#socket.ask(this.topic, 'presence', presenceOf(meta), this.#joinRef);
  }

  async untrack(): Promise<void> {
    this.#tracked = null;
    if (this.#status !== 'joined') return;
    await this.#socket.ask(this.topic, 'presence', { type: 'presence', event: 'untrack' }, this.#joinRef);
  }

  /** Leaves; nothing comes any more. */
  leave(): void {
    if (this.#status === 'joined') this.#socket.post(this.topic, 'phx_leave', {}, this.#joinRef);
    this.#close(null);
  }

  #needsJoin(): void {
    if (this.#status !== 'joined')
      throw ownError('NETWORK', `The channel is not joined, but ${this.#status}`);
  }

  #tell(status: ChannelStatus, error: AuraError | null): void {
    this.#status = status;
    this.#options.onStatus?.(status, error);
  }

  #close(error: AuraError | null): void {
    if (this.#status === 'closed') return;
    this.#joinRef = null;
    this.#socket.remove(this);
    this.#pause.end();
    this.#tell('closed', error);
    this.#first?.reject(error ?? ownError('ABORTED', 'The channel was left'));
    this.#first = null;
  }

  // For the socket ---------------------------------------------------------------------------------------------------

  opened(): void {
    void this.#join();
  }

  lost(error: AuraError): void {
    this.#joinRef = null;
    if (this.#status !== 'closed') this.#tell(this.#first ? 'joining' : 'rejoining', error);
  }

  refreshed(token: string | null): void {
    if (this.#status === 'joined')
      this.#socket.post(this.topic, 'access_token', { access_token: token }, this.#joinRef);
  }

  received({ event, payload, join_ref: joinRef }: Message): void {
    // an earlier join's, which the server had not ended yet
    if (joinRef != null && joinRef !== this.#joinRef) return;
    switch (event) {
      case 'broadcast':
        this.#options.messages?.[payload.event]?.(payload.payload, payload.event);
        this.#options.messages?.['*']?.(payload.payload, payload.event);
        break;
      case 'presence_state':
        this.#here = new Map(
          Object.entries(payload as Record<string, Metas>).map(([key, { metas }]) => [key, metas]),
        );
        this.#options.presence?.(this.presence);
        break;
      case 'presence_diff':
        this.#update(payload);
        this.#options.presence?.(this.presence);
        break;
      case 'postgres_changes':
        this.#change(payload);
        break;
      case 'system':
        if (payload.status === 'error') this.#again(refusalOf(payload));
        break;
      case 'phx_error':
      case 'phx_close':
        this.#again(refusalOf(payload));
        break;
    }
  }

  #update({ joins, leaves }: Readonly<Record<'joins' | 'leaves', Record<string, Metas>>>): void {
    for (const [key, { metas }] of Object.entries(leaves)) {
      const gone = new Set(metas.map(({ phx_ref }) => phx_ref));
      const left = (this.#here.get(key) ?? []).filter(({ phx_ref }) => !gone.has(phx_ref));
      if (left.length > 0) this.#here.set(key, left);
      else this.#here.delete(key);
    }
    for (const [key, { metas }] of Object.entries(joins)) {
      const come = new Set(metas.map(({ phx_ref }) => phx_ref));
      const others = (this.#here.get(key) ?? []).filter(({ phx_ref }) => !come.has(phx_ref));
      this.#here.set(key, [...others, ...metas]);
    }
  }

  #change({ ids, data }: { readonly ids: readonly number[]; readonly data: Record<string, unknown> }): void {
    const { schema, table, type, commit_timestamp: at, record, old_record: old } = data;
    const change = {
      schema,
      table,
      at,
      kind: type,
      new: type === 'DELETE' ? null : record,
      old: type === 'INSERT' ? null : (old ?? {}),
    };
    for (const id of ids) this.#options.changes?.[this.#watched.indexOf(id)]?.on(change as never);
  }

  // Joining ----------------------------------------------------------------------------------------------------------

  async #join(): Promise<void> {
    const {
      private: isPrivate = false,
      self = false,
      acknowledge = false,
      key = '',
      changes = [],
    } = this.#options;
    const ref = this.#socket.nextRef();
    this.#joinRef = ref;
    const config = {
      private: isPrivate,
      broadcast: { self, ack: acknowledge },
      presence: { key, enabled: this.#options.presence !== undefined || this.#tracked !== null },
      postgres_changes: changes.map(({ table, schema = this.#schema, event = '*', filter }) => ({
        event,
        schema,
        table,
        ...(filter === undefined ? {} : { filter }),
      })),
    };
    const { token } = this.#socket;
    try {
      const payload = { config, ...(token === null ? {} : { access_token: token }) };
      const response = await this.#socket.ask(this.topic, 'phx_join', payload, ref, ref);
      if (this.#joinRef !== ref) return;
      const { postgres_changes: watched = [] } = response as { postgres_changes?: { id: number }[] };
      this.#watched = watched.map(({ id }) => id);
      this.#failures = 0;
      this.#tell('joined', null);
      this.#first?.resolve();
      this.#first = null;
      if (this.#tracked) await this.track(this.#tracked);
    } catch (error) {
      if (this.#joinRef === ref && error instanceof AuraError) this.#again(error);
    }
  }

  /** Joined no longer: another try, unless it was refused from the start, or again and again. */
  #again(error: AuraError): void {
    this.#joinRef = null;
    // the socket tells when there is another one
    if (!this.#socket.isOpen) return;
    this.#failures += 1;
    const isRefused = !['TIMEOUT', 'NETWORK'].includes(error.code);
    if (isRefused && (this.#first || this.#failures > MOST_FAILURES)) {
      this.#close(error);
      return;
    }
    this.#tell(this.#first ? 'joining' : 'rejoining', error);
    void this.#pause.wait(pauseBefore(this.#failures, this.#pauses)).then(() => {
      if (this.#status !== 'closed' && this.#joinRef === null && this.#socket.isOpen) void this.#join();
    });
  }
}

const MOST_FAILURES = 5;

const presenceOf = (meta: object) => ({ type: 'presence', event: 'track', payload: meta });
