/** What the verbs need of the server, so that they can be tried without one. */
import type { Config } from '../config.ts';

/** A server that listens. */
export interface Running {
  /** Stops listening, lets requests in flight finish, and closes the connections. */
  close(): Promise<void>;
}

/** Starts the server under a configuration and resolves once it answers. */
export type Serve = (config: Config) => Promise<Running>;
