/** `aura start`: production. Settings only: no embedded database, nothing applied, nothing watched. */
import { dumpConfig, loadConfig } from '../config.ts';
import type { LoadConfig } from '../settings.ts';
import type { Serve } from './serve.ts';

export interface StartOptions {
  /** A configuration file, if one is to be read. */
  readonly file: string | null;
  /** Settings by name; they win over everything. */
  readonly flags: Readonly<Record<string, unknown>>;
}

const load =
  (options: StartOptions): LoadConfig =>
  (database) =>
    loadConfig({ env: process.env, file: options.file ?? undefined, flags: options.flags, database });

/**
 * Serves until `asked` resolves.
 * @throws ConfigError with everything that is wrong with the settings
 */
export const runStart = async (options: StartOptions, serve: Serve, asked: Promise<void>): Promise<void> => {
  const running = await serve(load(options), { checked: true, quiet: false, docsKey: null });
  await asked;
  await running.close();
};

/** `aura start --dump-config`: the effective settings without secrets, as a configuration file. */
export const renderSettings = (options: StartOptions): string => dumpConfig(load(options)([]));
