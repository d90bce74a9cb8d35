/** A typed client of Aura; `withUser` for servers and hooks for React are in files of their own. */
export { type Batched, type BatchOptions, batch } from './batch.ts';
export {
  type CallOptions,
  Client,
  type ClientOptions,
  createClient,
  SchemaClient,
  type Token,
} from './client.ts';
export type { Condition, Conditions } from './condition.ts';
export { AuraError, type Result } from './error.ts';
export { type GraphqlResult, graphql, type TypedDocument } from './graphql.ts';
export { pages } from './pages.ts';
export { type Count, type ExplainOptions, type OrderOptions, Query } from './query.ts';
export type { Change, Channel, ChannelOptions, ChannelStatus, Presence, Watch } from './realtime/channel.ts';
export type { Live, LiveChange, LiveState } from './realtime/live.ts';
export type { UpsertOptions } from './relation.ts';
export type { Interceptor, Retries } from './transport.ts';
export type { Json, Untyped } from './types/database.ts';
export type { SelectRow } from './types/select.ts';
export type { SelectError } from './types/text.ts';
