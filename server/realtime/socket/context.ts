/**
 * What connections and channels of a process have in common.
 */
import type { Observe } from '../../observe/observation.ts';
import type { RestContext } from '../../rest/context.ts';
import type { Authorizer } from '../authorize.ts';
import type { Bus } from '../bus.ts';
import type { Changes } from '../changes.ts';
import type { Hub } from '../hub.ts';
import type { Presence } from '../presence.ts';
import type { Deadlines } from './deadlines.ts';

export interface ChannelContext {
  readonly rest: RestContext;
  readonly hub: Hub;
  readonly bus: Pick<Bus, 'ready' | 'tell'>;
  readonly presence: Presence;
  readonly authorizer: Authorizer;
  readonly changes: Changes;
  /** When tokens end. */
  readonly deadlines: Deadlines;
  readonly observe: Observe;
  /** Numbers members of this process. */
  readonly nextMember: () => number;
}
