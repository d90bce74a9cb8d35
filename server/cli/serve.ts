/** What the verbs need of the server, so that they can be tried without one. */
import type { LoadConfig } from '../settings.ts';

/** A server that listens. */
export interface Running {
  /** Stops listening, lets requests in flight finish, and closes the connections. */
  close(): Promise<void>;
}

/**
 * Starts the server and resolves once it answers. The configuration is loaded anew, with what the database says,
 * whenever a reload is asked for. `checked`: refuse what a production server must not have; `quiet`: log only what is
 * amiss; `docsKey`: a key that is no secret, filled in on the page at /docs.
 */
export type Serve = (
  load: LoadConfig,
  options: { readonly checked: boolean; readonly quiet: boolean; readonly docsKey: string | null },
) => Promise<Running>;
