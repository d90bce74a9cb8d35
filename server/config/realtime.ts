/**
 * Settings of realtime: the feed of changes, and live queries.
 */
import { integer } from './kinds.ts';
import { ownSetting } from './setting.ts';

const DAY_IN_SECONDS = 86_400;
const GIGABYTE = 1_073_741_824;

export const realtimeSettings = {
  'realtime-max-changes': ownSetting(integer(1, 1_000_000), 10_000, {
    description:
      'How many changes are told row by row at a time. Where more were committed at once, what is watched is read anew as a whole.',
    reloadable: true,
  }),
  'realtime-read-timeout': ownSetting(integer(1, 3600, 'seconds'), 5, {
    description:
      'How long a statement may take that reads for those who follow changes. It keeps the others waiting.',
    reloadable: true,
  }),
  'realtime-max-rows': ownSetting(integer(1, 10_000_000), 10_000, {
    description:
      'How many rows a live query may have. One of more is refused, and one that grows beyond ends with an error. `db-max-rows` does not cut live queries off; where it is less, it counts here.',
    reloadable: true,
    inDatabase: true,
  }),
  'realtime-max-streams': ownSetting(integer(0, 1_000_000), 10_000, {
    description: 'How many live queries one process serves at a time. 0 serves none.',
    reloadable: true,
  }),
  'realtime-heartbeat': ownSetting(integer(1, 3600, 'seconds'), 20, {
    description: 'How long a live query may be silent before a comment is sent.',
    reloadable: true,
  }),
  'realtime-max-buffer': ownSetting(integer(1024, GIGABYTE, 'bytes'), 1_048_576, {
    description:
      'How much may wait for a client that does not read it: of the events of a live query, beyond which its stream is ended (the rows that it begins with do not count), or of the messages of a WebSocket, which is closed where it is more for five seconds, or eight times as much.',
    reloadable: true,
  }),
  'realtime-resync-interval': ownSetting(integer(0, DAY_IN_SECONDS, 'seconds'), 60, {
    description:
      'How often live queries are read anew whose rows may come and go without a change that is captured: by policies that call functions, look at the clock, or at tables that are not published. 0 does so only when the catalog is reloaded.',
    reloadable: true,
  }),
} as const;
