/**
 * Follows the database: settings and catalog are loaded at the start, and again when somebody asks, by
 * notification or signal, and whenever the server listens again after a loss, since what was notified in between
 * nobody heard. Requests go on meanwhile with what is there.
 */
import type { CatalogHolder } from './catalog/holder.ts';
import { type Listener, startListening } from './execute/listen.ts';
import type { Observe } from './observe/observation.ts';
import type { SettingsHolder } from './settings.ts';

export interface Reloader {
  /**
   * Listens, then loads: in this order no change falls in between. Rejects where the database or the settings
   * refuse; a listener that fails is no reason to.
   */
  readonly start: () => Promise<void>;
  /** `config` is settings and catalog, since what is exposed is a setting. `by` says who asks. */
  readonly reload: (what: 'catalog' | 'config', by: string) => Promise<void>;
  /** Whether changes are heard of, as far as they should be. */
  readonly hears: () => boolean;
  readonly stop: () => Promise<void>;
}

/** Beside `db-channel`: what our own event trigger notifies after DDL (sql/project/ddl-notice.sql). */
const OWN_CHANNEL = 'aura';

/** Makes the reloader of a server; nothing happens before its start. */
export function createReloader(
  settings: Pick<SettingsHolder<unknown>, 'current' | 'load' | 'reload'>,
  holder: CatalogHolder,
  observe: Observe,
): Reloader {
  let listener: Listener | null = null;
  /** The channel listened to; null = none. */
  let channel: string | null = null;
  let started = false;
  let stopped = false;
  let listening: Promise<void> = Promise.resolve();

  const listenAsConfigured = async (): Promise<void> => {
    const { dbChannelEnabled, dbChannel, dbUri } = settings.current().config;
    const wanted = dbChannelEnabled ? dbChannel : null;
    if (stopped || wanted === channel) return;
    channel = wanted;
    await listener?.close();
    listener = null;
    if (stopped || wanted === null) return;
    const channels = [wanted, OWN_CHANNEL];
    listener = startListening({ dbUri, channels, onNotification, onListening }, observe);
    await listener.attempted;
  };
  // one after another, or a change amid a change would leave a listener that nobody closes
  const listen = (): Promise<void> => {
    listening = listening.then(listenAsConfigured);
    return listening;
  };
  const reload = async (what: 'catalog' | 'config', by: string): Promise<void> => {
    observe({ kind: 'reload asked', what, by });
    if (what === 'config') {
      await settings.reload();
      await listen();
    }
    await holder.reload();
  };
  const onNotification = (from: string, payload: string): void => {
    if (payload === '' || payload === 'reload config') void reload('config', from);
    else if (payload === 'reload schema') void reload('catalog', from);
  };
  const onListening = (): void => {
    if (started) void reload('config', 'reconnect');
  };

  return {
    start: async () => {
      await listen();
      started = true;
      await settings.load();
      holder.start();
      await holder.first();
    },
    reload,
    hears: () => listener?.isListening() ?? true,
    stop: async () => {
      stopped = true;
      await listener?.close();
      await holder.stop();
    },
  };
}
