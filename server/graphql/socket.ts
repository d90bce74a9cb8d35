/**
 * A connection by WebSocket that speaks GraphQL over WebSocket, subprotocol `graphql-transport-ws`
 * (https://github.com/graphql/graphql-over-http/blob/main/rfcs/GraphQLOverWebSocket.md). The protocol is spoken here and
 * not by a library: results are JSON already, and would have to be read and written once more. Of results of a
 * subscription that a client is too slow to take only the last one waits for it: each is a whole answer.
 */
import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import { Departure } from '../execute/departure.ts';
import type { Credentials } from '../identity/authenticate.ts';
import { endOf } from '../identity/claims.ts';
import { type Identity, isSameIdentity } from '../identity/role.ts';
import type { RestSettings, Scene } from '../rest/context.ts';
import { observationOf } from '../rest/outgoing.ts';
import { asApiError, noCatalog } from '../rest/unforeseen.ts';
import type { Outcome } from './answer.ts';
import { type EventContext, lastOutcome } from './event-route.ts';
import { type GraphqlRequest, parseJson, requestOf } from './request.ts';
import type { SeenRequest } from './run.ts';
import { operationOf, outcomeOfFailure, serveOperation, type Trace } from './serve-operation.ts';
import { OperationChannel } from './socket-operation.ts';

/** Codes that the protocol closes with. */
const CLOSE = {
  badRequest: 4400,
  unauthorized: 4401,
  forbidden: 4403,
  initialisationTimeout: 4408,
  subscriberExists: 4409,
  tooManyInitialisations: 4429,
} as const;
/** RFC 6455: the other side is not there any more. */
const GOING_AWAY = 1001;
const INITIALISATION_MS = 3000;
const GOODBYE_MS = 1000;
/** Bytes of a reason for closing. */
const LONGEST_REASON = 123;

/** An operation shows no more of the request than a subscription does. */
const SEEN: SeenRequest = { method: 'POST', path: '/', headers: {} };

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A header's value, wherever clients put it: among the parameters of the connection, or as `headers` in them. */
function parameter(payload: unknown, name: string): string | undefined {
  if (!isObject(payload)) return undefined;
  const inside = (from: unknown): unknown =>
    isObject(from) ? Object.entries(from).find(([key]) => key.toLowerCase() === name)?.[1] : undefined;
  const found = inside(payload) ?? inside(payload['headers']);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

/** A message that the protocol does not know. */
class MessageError extends Error {}

interface Message {
  readonly type: string;
  readonly id: string | null;
  readonly payload: unknown;
}

function parseMessage(text: string): Message {
  const value = parseJson(text, 'The message');
  if (!isObject(value) || typeof value['type'] !== 'string')
    throw new MessageError('Invalid message received');
  const { type, id, payload } = value;
  return { type, id: typeof id === 'string' && id !== '' ? id : null, payload };
}

export class GraphqlSocket {
  readonly #context: EventContext;
  readonly #client: WebSocket;
  readonly #incoming: IncomingMessage;
  readonly #openedAt = performance.now();
  readonly #operations = new Map<string, OperationChannel>();
  #heardAt = performance.now();
  #isAsked = false;
  #state: 'new' | 'initialising' | 'ready' | 'closing' = 'new';
  #identity: Identity | null = null;
  #credentials: Credentials = {};
  #reason: string | null = null;

  constructor(context: EventContext, client: WebSocket, incoming: IncomingMessage) {
    this.#context = context;
    this.#client = client;
    this.#incoming = incoming;
  }

  /** Takes a message. */
  receive(text: string): void {
    this.heard();
    if (this.#state === 'closing') return;
    try {
      this.#take(parseMessage(text));
    } catch (error) {
      if (!(error instanceof MessageError || error instanceof ApiError)) throw error;
      this.close(CLOSE.badRequest, error.message);
    }
  }

  /** The client lives. */
  heard(): void {
    this.#heardAt = performance.now();
    this.#isAsked = false;
  }

  /** Asks a client that says nothing, and closes the connection of one that has said nothing for longer. */
  checkIdle(now: number, timeoutMs: number): void {
    const silence = now - this.#heardAt;
    if (this.#identity === null && now - this.#openedAt > INITIALISATION_MS) {
      this.close(CLOSE.initialisationTimeout, 'Connection initialisation timeout');
    } else if (silence > timeoutMs) {
      this.close(GOING_AWAY, 'Nothing was heard for too long');
    } else if (silence > timeoutMs / 2 && !this.#isAsked) {
      this.#isAsked = true;
      this.#client.ping();
    }
  }

  /** Looks who the client is by other settings: keys and roles may be others than they were. */
  async recheck({ authenticate }: RestSettings): Promise<void> {
    if (this.#identity === null) return;
    try {
      if (isSameIdentity(await authenticate(this.#credentials), this.#identity)) return;
      this.close(CLOSE.forbidden, 'The token means somebody else now');
    } catch (error) {
      this.close(CLOSE.forbidden, asApiError(this.#context.observe, error, 'websocket').message);
    }
  }

  /** The token has ended. A client that connects again brings another one. */
  end(): void {
    this.close(CLOSE.forbidden, 'JWT expired');
  }

  /** Says goodbye. */
  close(code: number, reason: string): void {
    if (this.#state === 'closing') return;
    this.#reason = reason;
    this.#leaveAll();
    this.#client.close(code, Buffer.from(reason).subarray(0, LONGEST_REASON).toString());
    setTimeout(() => this.#client.terminate(), GOODBYE_MS).unref();
  }

  /** Cuts it off. */
  terminate(): void {
    this.#client.terminate();
  }

  /** The socket has ended. */
  ended(code: number): void {
    this.#leaveAll();
    const seconds = (performance.now() - this.#openedAt) / 1000;
    this.#context.observe({ kind: 'socket closed', code, reason: this.#reason, seconds });
  }

  #leaveAll(): void {
    this.#state = 'closing';
    this.#context.subscriptions().deadlines.set(this, null);
    for (const operation of this.#operations.values()) operation.leave();
    this.#operations.clear();
  }

  #take({ type, id, payload }: Message): void {
    switch (type) {
      case 'connection_init':
        void this.#initialise(payload);
        return;
      case 'ping':
        this.#client.send('{"type":"pong"}');
        return;
      case 'pong':
        return;
      case 'subscribe':
        if (id === null || !isObject(payload))
          throw new MessageError('A subscribe message needs id and payload');
        this.#subscribe(id, requestOf(payload));
        return;
      case 'complete':
        if (id === null) throw new MessageError('A complete message needs an id');
        this.#operations.get(id)?.leave();
        this.#operations.delete(id);
        return;
      default:
        throw new MessageError(`Unexpected message of type ${type}`);
    }
  }

  async #initialise(payload: unknown): Promise<void> {
    if (this.#state !== 'new') {
      this.close(CLOSE.tooManyInitialisations, 'Too many initialisation requests');
      return;
    }
    this.#state = 'initialising';
    const { headers } = this.#incoming;
    const own = headers['apikey'];
    this.#credentials = {
      authorization: parameter(payload, 'authorization') ?? headers.authorization,
      apikey: parameter(payload, 'apikey') ?? (typeof own === 'string' ? own : undefined),
    };
    try {
      const identity = await this.#context.settings().authenticate(this.#credentials);
      if (this.#isClosing()) return;
      this.#identity = identity;
      this.#state = 'ready';
      this.#context.subscriptions().deadlines.set(this, endOf(identity.claims));
      this.#client.send('{"type":"connection_ack"}');
    } catch (error) {
      this.close(CLOSE.forbidden, asApiError(this.#context.observe, error, 'websocket').message);
    }
  }

  #isClosing(): boolean {
    return this.#state === 'closing';
  }

  #subscribe(id: string, request: GraphqlRequest): void {
    if (this.#identity === null) {
      this.close(CLOSE.unauthorized, 'Unauthorized');
      return;
    }
    if (this.#operations.has(id)) {
      this.close(CLOSE.subscriberExists, `Subscriber for ${id} already exists`);
      return;
    }
    const operation = new OperationChannel(this.#client, id, () => {
      if (this.#operations.get(id) === operation) this.#operations.delete(id);
    });
    this.#operations.set(id, operation);
    void this.#run(operation, request, this.#identity);
  }

  async #run(operation: OperationChannel, request: GraphqlRequest, identity: Identity): Promise<void> {
    const context = this.#context;
    const started = performance.now();
    const trace: Trace = { role: identity.role, sql: null };
    const settings = context.settings();
    const catalog = context.catalog();
    let outcome: Outcome;
    try {
      if (catalog === null) throw noCatalog();
      this.#refuseTooMany(settings.config.graphqlMaxSubscriptions);
      const departure = new Departure();
      const scene: Scene = { context, settings, catalog, identity, departure };
      const roleSchema = context.schemas.of(catalog, settings.config, identity.role);
      try {
        if (operationOf(context, scene, roleSchema, request).isSubscription) {
          await this.#follow(operation, request, scene);
          return;
        }
      } catch (error) {
        operation.fail(outcomeOfFailure(error, scene));
        return;
      }
      operation.onLeave(() => departure.announce());
      outcome = await serveOperation(context, scene, roleSchema, SEEN, request, trace);
      operation.finish(outcome);
    } catch (error) {
      outcome = operation.refuse(asApiError(context.observe, error, 'websocket'));
    }
    const { status, errorCode, body } = outcome;
    const sent = { id: operation.id, started, role: trace.role, sql: trace.sql };
    context.observe(observationOf(this.#incoming, { ...sent, bytes: body.length, errorCode, status }));
  }

  /** Leads the results of a subscription to the client. Rejects with what cannot be followed. */
  async #follow(operation: OperationChannel, request: GraphqlRequest, scene: Scene): Promise<void> {
    const { identity } = scene;
    const leave = await this.#context.subscriptions().join(
      { request, identity, credentials: this.#credentials },
      {
        send: (answer) => operation.send(answer),
        end: (reason) => operation.fail(lastOutcome(reason, scene)),
      },
    );
    operation.onLeave(leave);
  }

  #refuseTooMany(most: number): void {
    if (this.#operations.size <= most) return;
    throw apiError('AURA404', 'Too many operations are open on this connection', {
      details: `At most ${most} are served at a time.`,
    });
  }
}
