/**
 * Everything that happens in the server and that somebody may want to know, as one closed union. Rooms call
 * `observe`; the log (log.ts) and the metrics (metrics.ts) are its readers, and neither is known to the rooms.
 * An observation carries facts, never text for people, and never a header, a token or a parameter.
 */

export type Observation =
  // the process
  | { readonly kind: 'starting'; readonly version: string }
  | { readonly kind: 'listening'; readonly server: 'api' | 'admin'; readonly address: string }
  | { readonly kind: 'stopping'; readonly signal: string }
  | { readonly kind: 'stopped'; readonly unfinishedRequests: number }
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'defect'; readonly error: unknown; readonly requestId: string | null }
  // configuration
  | { readonly kind: 'config reloaded' }
  | { readonly kind: 'config rejected'; readonly error: unknown }
  // database and pool
  | { readonly kind: 'database connected'; readonly version: string }
  | { readonly kind: 'database lost'; readonly error: unknown }
  | { readonly kind: 'database retry'; readonly delaySeconds: number }
  | { readonly kind: 'pool sized'; readonly max: number }
  | { readonly kind: 'pool timeout' }
  | { readonly kind: 'connection'; readonly event: ConnectionEvent; readonly connection: number }
  // catalog
  | {
      readonly kind: 'catalog loaded';
      readonly seconds: number;
      readonly relations: number;
      readonly routines: number;
    }
  | { readonly kind: 'catalog failed'; readonly error: unknown }
  // notifications
  | { readonly kind: 'listener connected'; readonly channel: string }
  | { readonly kind: 'listener lost'; readonly channel: string; readonly error: unknown }
  | { readonly kind: 'reload asked'; readonly what: 'catalog' | 'config'; readonly by: string }
  // channels
  | { readonly kind: 'socket opened' }
  | {
      readonly kind: 'socket closed';
      /** Of the WebSocket protocol (RFC 6455 section 7.4). */
      readonly code: number;
      /** Why the server closed it; null = the client did. */
      readonly reason: string | null;
      readonly seconds: number;
    }
  | { readonly kind: 'channel joined' }
  | { readonly kind: 'channel left' }
  | { readonly kind: 'channel refused'; readonly reason: string }
  /** That a client has sent; its receivers are those of this process. */
  | { readonly kind: 'broadcast'; readonly receivers: number }
  | { readonly kind: 'relay failed'; readonly error: unknown }
  // realtime
  | {
      readonly kind: 'changes told';
      /** As many as the log had. */
      readonly changes: number;
      /** Those who were concerned. */
      readonly watchers: number;
      readonly seconds: number;
    }
  | {
      readonly kind: 'subscriptions';
      /** Of GraphQL, open at this moment. */
      readonly subscribers: number;
      /** Of those who are answered the same. */
      readonly groups: number;
    }
  | {
      readonly kind: 'live queries';
      /** Open at this moment. */
      readonly followers: number;
      /** Of those who see the same. */
      readonly groups: number;
    }
  // tokens
  | { readonly kind: 'token lookup'; readonly hit: boolean }
  | { readonly kind: 'token evicted' }
  // requests
  | RequestObservation;

export type ConnectionEvent =
  | 'connecting'
  | 'established'
  | 'failed'
  | 'closed by lifetime'
  | 'closed by idleness'
  | 'closed by error'
  | 'closed by shutdown';

/** A request that has been answered. */
export interface RequestObservation {
  readonly kind: 'request';
  readonly id: string;
  readonly method: string;
  /** Without the query string. */
  readonly path: string;
  /** Without the question mark; logged only where `log-query` is on. */
  readonly query: string;
  readonly status: number;
  /** From the first byte of the request's head to the last of the answer. */
  readonly seconds: number;
  /** It was answered as long as the client stayed. */
  readonly isFollowed?: boolean;
  /** Bytes of the answer's body; null where it was not counted. */
  readonly bytes: number | null;
  /** The role it ran as; null where it was refused before. */
  readonly role: string | null;
  readonly clientAddress: string | null;
  readonly userAgent: string | null;
  /** Code of the error that it was answered with. */
  readonly errorCode: string | null;
  /** The statement's text, without parameters; logged only where `log-query` is on. */
  readonly sql: string | null;
}

/** A receiver of observations; it must not throw. */
export type Observe = (observation: Observation) => void;

/** One receiver that hands every observation to each of several. */
export function fanOut(readers: readonly Observe[]): Observe {
  return (observation) => {
    for (const reader of readers) reader(observation);
  };
}
