/** Interim. */
import { apiError } from '../errors/codes.ts';
import type { ApiError } from '../errors/error.ts';
import type { Identity } from '../identity/role.ts';
import type { RestContext } from '../rest/context.ts';
import type { Feed } from './feed.ts';
import type { Frames } from './frames.ts';
import type { Binding } from './socket/join.ts';

export interface Subscriber {
  readonly topic: string;
  readonly tell: (frames: Frames) => void;
  readonly fail: (error: ApiError) => void;
}

export interface Subscription {
  readonly bindings: readonly (Binding & { readonly id: number })[];
  readonly begin: () => void;
  readonly become: (identity: Identity) => Promise<void>;
  readonly end: () => void;
}

export interface Changes {
  readonly subscribe: (
    identity: Identity,
    bindings: readonly Binding[],
    subscriber: Subscriber,
  ) => Promise<Subscription>;
}

export function createChanges(_rest: RestContext, _feed: Feed): Changes {
  return { subscribe: () => Promise.reject(apiError('PGRST127', 'not yet')) };
}
