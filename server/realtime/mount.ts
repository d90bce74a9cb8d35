/**
 * Mounts channels on the HTTP server. What they take is loaded when the first client comes, and nothing of it is awake
 * before.
 */
import type { Upgrade } from '../host/http-server.ts';
import type { ChannelServer, ChannelsOptions } from './channels.ts';

/** Channels at their place. */
export interface Channels extends ChannelServer, Upgrade {
  readonly owns: (target: string) => boolean;
}

export interface MountOptions extends ChannelsOptions {
  readonly prefix: string;
}

/** Channels below a prefix. */
export function mountChannels(options: MountOptions): Channels {
  const { prefix } = options;
  const path = `${prefix}/websocket`;
  let loading: Promise<ChannelServer> | null = null;
  const load = (): Promise<ChannelServer> => {
    loading ??= import('./channels.ts').then(({ createChannels }) => createChannels(options));
    return loading;
  };
  return {
    owns: (target) =>
      target.startsWith(prefix) &&
      (target.length === prefix.length || target[prefix.length] === '/' || target[prefix.length] === '?'),
    serve: async (incoming, outgoing) => (await load()).serve(incoming, outgoing),
    upgrades: ({ url = '' }) => url === path || url.startsWith(`${path}?`),
    accept: async (incoming, socket, head) => (await load()).accept(incoming, socket, head),
    close: async () => (await loading)?.close(),
    stop: async () => (await loading)?.stop(),
  };
}
