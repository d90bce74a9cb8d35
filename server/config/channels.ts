/**
 * Settings of channels: the WebSocket, broadcast and presence.
 */
import { boolean, integer, textWhere } from './kinds.ts';
import { ownSetting } from './setting.ts';

const isPath = (path: string): boolean => /^(?:\/[\w.~-]+)+$/.test(path);

export const channelSettings = {
  'realtime-enabled': ownSetting(boolean, true, {
    description: 'Whether channels are served: the WebSocket, and broadcasts by HTTP.',
  }),
  'realtime-prefix': ownSetting(
    textWhere('a path that begins with / and does not end with it', isPath),
    '/realtime/v1',
    { description: 'The path under which channels are served.' },
  ),
  'realtime-private-only': ownSetting(boolean, false, {
    description: 'Whether public channels, which whoever has a key may join and send to, are refused.',
    reloadable: true,
    inDatabase: true,
  }),
  'realtime-max-connections': ownSetting(integer(0, 1_000_000), 10_000, {
    description: 'How many WebSockets a process holds at most.',
    reloadable: true,
  }),
  'realtime-max-channels': ownSetting(integer(1, 100_000), 100, {
    description: 'How many channels a connection may have joined at a time.',
    reloadable: true,
  }),
  'realtime-max-joins': ownSetting(integer(1, 100_000, 'a second'), 100, {
    description: 'How often a connection may join channels. Beyond, joins are refused.',
    reloadable: true,
  }),
  'realtime-max-messages': ownSetting(integer(1, 1_000_000, 'a second'), 100, {
    description:
      'How many broadcasts and presences a connection may send. Beyond, the channel is closed with a reason. Requests of broadcasts by HTTP may hold as many messages each.',
    reloadable: true,
  }),
  'realtime-max-message-size': ownSetting(integer(128, 104_857_600, 'bytes'), 262_144, {
    description: 'The largest message that a client may send.',
    reloadable: true,
  }),
  'realtime-idle-timeout': ownSetting(integer(2, 3600, 'seconds'), 60, {
    description:
      "After how long a connection is closed of which nothing is heard. Supabase's clients send a heartbeat every 25 seconds; after half of the time the server asks, too.",
    reloadable: true,
  }),
  'realtime-keep-messages': ownSetting(integer(1, 31_536_000, 'seconds'), 259_200, {
    description: 'How long messages stay in `realtime.messages`, from where they can be replayed.',
    reloadable: true,
  }),
} as const;
