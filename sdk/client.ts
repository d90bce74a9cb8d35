/** The client: whom it speaks for, and how. */
import { Query } from './query.ts';
import type { Channel, ChannelOptions } from './realtime/channel.ts';
import type { Socket } from './realtime/socket.ts';
import type { WebSocketLike } from './realtime/web-socket.ts';
import { RelationClient } from './relation.ts';
import type { Connection, State } from './request.ts';
import type { Interceptor, Retries } from './transport.ts';
import type {
  AnySchema,
  DefaultSchema,
  RelationName,
  RelationOf,
  SchemaName,
  SchemaOf,
  Untyped,
} from './types/database.ts';
import type {
  ArgsOf,
  FunctionName,
  FunctionOf,
  IsSet,
  Matching,
  ResultData,
  ResultRelation,
  ResultRow,
  Takes,
} from './types/function.ts';

/** A token, or where to get the current one. */
export type Token = string | (() => string | null | Promise<string | null>);

export interface ClientOptions<Schema extends string = string> {
  /** The project's key, for everybody who uses the program; sent as `apikey`. */
  readonly key?: string;
  /** Who asks; without it whoever the key is. */
  readonly token?: Token;
  /** The schema to begin with; the first that the server exposes where it is not said. */
  readonly schema?: Schema;
  /** Where REST is on the server: `/rest/v1`. */
  readonly restPath?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds for a call with all of its tries; 0 = no limit. 30,000 unless said otherwise. */
  readonly timeout?: number;
  /** Reads are tried 3 times, with pauses of up to 250 ms, 500 ms and so on, 5 s at most. */
  readonly retries?: Partial<Retries>;
  /** From the outside to the inside; each may change the request, the answer, or try again. */
  readonly interceptors?: readonly Interceptor[];
  readonly fetch?: typeof fetch;
  /** Makes WebSockets, for channels; the platform's unless said otherwise. */
  readonly openSocket?: (url: string) => WebSocketLike;
  /** Where channels are on the server: `/realtime/v1/websocket`. */
  readonly realtimePath?: string;
}

export interface CallOptions {
  /** By GET, which caches may answer: for functions that only read. */
  readonly get?: boolean;
}

/** A function's answer, which can be refined where it is rows. */
type Called<Schema extends AnySchema, Fn> = Query<
  Schema,
  ResultRelation<Schema, Fn>,
  '*',
  ResultRow<Fn>,
  ResultData<Schema, Fn>
> & { readonly isSet?: IsSet<Fn> };

/** Rows, writes and functions of one schema. */
export class SchemaClient<Schema extends AnySchema> {
  readonly connection: Connection;
  protected readonly schemaName: string;

  constructor(connection: Connection, schema: string) {
    this.connection = connection;
    this.schemaName = schema;
  }

  #state(path: string): State {
    return {
      connection: this.connection,
      method: 'GET',
      path,
      parameters: [],
      schema: this.schemaName,
      prefer: [],
      accept: 'application/json',
      body: undefined,
      shape: 'rows',
      signal: undefined,
      timeout: undefined,
      retries: undefined,
    };
  }

  from<Name extends RelationName<Schema>>(name: Name): RelationClient<Schema, RelationOf<Schema, Name>> {
    return new RelationClient(this.#state(`/${encodeURIComponent(name)}`));
  }

  /** Calls a function; of overloads the one that takes these arguments. */
  rpc<
    Name extends FunctionName<Schema>,
    const Args extends ArgsOf<FunctionOf<Schema, Name>> | Record<never, never> = Record<never, never>,
  >(
    name: Name,
    ...rest: Record<never, never> extends ArgsOf<FunctionOf<Schema, Name>>
      ? [args?: Args & Takes<FunctionOf<Schema, Name>, Args>, options?: CallOptions]
      : [args: Args & Takes<FunctionOf<Schema, Name>, Args>, options?: CallOptions]
  ): Called<Schema, Matching<FunctionOf<Schema, Name>, Args>> {
    const [args, { get = false } = {}] = rest;
    const state = this.#state(`/rpc/${encodeURIComponent(name)}`);
    const given = Object.entries(args ?? {});
    const change: Partial<State> = get
      ? {
          parameters: given.map(([key, value]) => [
            encodeURIComponent(key),
            encodeURIComponent(argument(value)),
          ]),
        }
      : { method: 'POST', body: args ?? {} };
    return new Query({ ...state, ...change }) as never;
  }
}

const argument = (value: unknown): string =>
  typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);

export class Client<Database, Name extends string> extends SchemaClient<SchemaOf<Database, Name>> {
  #socket: Promise<Socket> | null = null;

  /**
   * Joins a channel; all channels of a client share one WebSocket.
   *
   * @throws AuraError where it is refused
   * @example
   * const room = await aura.channel('room:1', { messages: { moved: (payload) => draw(payload) } });
   * await room.send('moved', { x: 1, y: 2 });
   */
  async channel<Meta extends object = Record<string, unknown>>(
    name: string,
    options: ChannelOptions<SchemaOf<Database, Name>, Meta> = {},
  ): Promise<Channel<Meta>> {
    // what most programs do without is loaded by those that need it
    const { Channel } = await import('./realtime/channel.ts');
    this.#socket ??= import('./realtime/socket.ts').then(({ Socket }) => new Socket(this.connection));
    const channel = new Channel<Meta>(
      await this.#socket,
      name,
      options,
      this.schemaName || 'public',
      this.connection.retries,
    );
    return channel.join();
  }

  /** The same for somebody else. */
  as(token: Token): Client<Database, Name> {
    return new Client(speakingAs(this.connection, token), this.schemaName);
  }

  /** Another schema that the server exposes. */
  schema<Other extends SchemaName<Database>>(name: Other): SchemaClient<SchemaOf<Database, Other>> {
    return new SchemaClient(this.connection, name);
  }
}

/** Not a secret, and needed where browsers give no better: pages without HTTPS. */
const newScope = (): string => Math.random().toString(36).slice(2);

const speakingAs = (connection: Connection, token: Token): Connection => ({
  ...connection,
  scope: newScope(),
  headers: async () => {
    const headers = await connection.headers();
    const value = typeof token === 'string' ? token : await token();
    if (value === null) headers.delete('authorization');
    else headers.set('authorization', `Bearer ${value}`);
    return headers;
  },
});

/**
 * A client of the server at a URL.
 *
 * @example
 * const aura = createClient<Database>('http://127.0.0.1:54321', { key });
 * const { data, error } = await aura.from('tasks').select('id, title').eq('status', 'todo').limit(10);
 */
export const createClient = <
  Database = Untyped,
  Name extends SchemaName<Database> = DefaultSchema<Database> extends infer S extends SchemaName<Database>
    ? S
    : never,
>(
  url: string,
  options: ClientOptions<Name> = {},
): Client<Database, Name> => {
  const { key, restPath = '/rest/v1', realtimePath = '/realtime/v1/websocket', retries, token } = options;
  const connection: Connection = {
    url: url.replace(/\/+$/, '') + (restPath === '/' ? '' : restPath),
    scope: newScope(),
    // looked up at each call, so that what replaces it later is used
    fetch: options.fetch ?? ((request) => fetch(request)),
    socketUrl: () => new URL(realtimePath, url).href.replace(/^http/, 'ws'),
    openSocket: options.openSocket ?? ((address) => new WebSocket(address)),
    interceptors: options.interceptors ?? [],
    timeout: options.timeout ?? 30_000,
    retries: { attempts: 3, pause: 250, longest: 5000, ...retries },
    headers: async () => {
      const headers = new Headers(options.headers);
      if (key !== undefined) {
        headers.set('apikey', key);
        // a key that is a token says who asks where nobody else does
        if (key.split('.').length === 3 && !headers.has('authorization'))
          headers.set('authorization', `Bearer ${key}`);
      }
      return headers;
    },
  };
  const speaking = token === undefined ? connection : speakingAs(connection, token);
  return new Client(speaking, options.schema ?? '');
};
