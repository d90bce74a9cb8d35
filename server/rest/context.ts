/**
 * What the routes of REST work with: the settings of the moment and the rooms of the house.
 */

import type { Catalog } from '../catalog/types.ts';
import type { Config } from '../config.ts';
import type { Departure } from '../execute/departure.ts';
import type { Pool } from '../execute/pool.ts';
import type { StreamSlots } from '../execute/stream.ts';
import type { Authenticate } from '../identity/authenticate.ts';
import type { Identity } from '../identity/role.ts';
import type { Observe } from '../observe/observation.ts';
import type { RootPlan } from '../plan/types.ts';
import type { PreRequest } from '../query/pre-request.ts';
import type { Session, SessionStatement } from '../query/session.ts';
import type { RawRequest, RequestOptions } from '../request/raw.ts';
import type { Answer } from '../response/respond.ts';
import type { Patience } from './patience.ts';
import type { PlanCache } from './planned.ts';
import type { SessionOf } from './session.ts';

/** What requests run under until the configuration is reloaded. */
export interface RestSettings {
  readonly config: Config;
  readonly options: RequestOptions;
  readonly authenticate: Authenticate;
  readonly sessionOf: SessionOf;
  /** For imports, whose statements may run as long as streams. */
  readonly importSessionOf: SessionOf;
  /** The call of `db-pre-request`. */
  readonly preRequest: PreRequest | null;
  readonly isolationOf: (role: string) => string | null;
}

/** Describes the API as a role may see it. How is the matter of a room that app.ts brings in. */
export type DescribeApi = (asked: {
  readonly plan: RootPlan;
  readonly catalog: Catalog;
  readonly role: string;
  readonly config: Config;
}) => Promise<Answer>;

/** Answers a read with a stream of what it has and what becomes of it. Rejects with ApiError. */
export type ServeLive = (scene: Scene, raw: RawRequest) => Promise<Answer>;

export interface RestContext {
  readonly settings: () => RestSettings;
  /** Null before the first load. */
  readonly catalog: () => Catalog | null;
  readonly pool: Pool;
  /** Places for streamed answers and imports. */
  readonly streams: StreamSlots;
  /** With bodies that are on their way. */
  readonly patience: Patience;
  readonly plans: PlanCache;
  readonly renderSession: (session: Session) => SessionStatement;
  readonly describe: DescribeApi;
  readonly serveLive: ServeLive;
  readonly observe: Observe;
}

/** Everything that stays the same while one HTTP request is served. */
export interface Scene {
  readonly context: RestContext;
  readonly settings: RestSettings;
  readonly catalog: Catalog;
  readonly identity: Identity;
  /** Aborts when nobody waits for the answer any more. */
  readonly departure: Departure | null;
}
