/** A hook for channels: joined as long as the component is there. */
import { useEffect, useRef, useState } from 'react';
import type { Client } from '../client.ts';
import type { AuraError } from '../error.ts';
import type { Channel, ChannelOptions, ChannelStatus, Presence } from '../realtime/channel.ts';
import type { SchemaOf } from '../types/database.ts';

export interface ChannelState<Meta extends object> {
  /** Null until it is joined. */
  readonly channel: Channel<Meta> | null;
  readonly status: ChannelStatus;
  readonly error: AuraError | null;
  /** Who is there, where the channel is asked for it. */
  readonly here: Presence<Meta>;
}

/**
 * A channel and who is there. Its handlers are those of the latest rendering; another name, or another client, is another
 * channel, while other options count from the next one on.
 *
 * @example
 * const { channel, here } = useChannel<Database, 'public', { name: string }>(aura, 'room:1', { presence: () => {} });
 */
export const useChannel = <Database, Name extends string, Meta extends object = Record<string, unknown>>(
  client: Client<Database, Name>,
  name: string,
  options: ChannelOptions<SchemaOf<Database, Name>, Meta> = {},
): ChannelState<Meta> => {
  const latest = useRef(options);
  latest.current = options;
  const [state, setState] = useState<ChannelState<Meta>>(JOINING);
  useEffect(() => {
    let isOver = false;
    let joined: Channel<Meta> | null = null;
    const change = (part: Partial<ChannelState<Meta>>): void => {
      if (!isOver) setState((before) => ({ ...before, ...part }));
    };
    setState(JOINING);
    const { presence, messages = {} } = latest.current;
    client
      .channel<Meta>(name, {
        ...latest.current,
        messages: Object.fromEntries(
          Object.keys(messages).map((event) => [
            event,
            (payload: unknown, sent: string) => latest.current.messages?.[event]?.(payload, sent),
          ]),
        ),
        ...(presence === undefined
          ? {}
          : {
              presence: (here: Presence<Meta>) => {
                change({ here });
                latest.current.presence?.(here);
              },
            }),
        onStatus: (status, error) => {
          change({ status, error });
          latest.current.onStatus?.(status, error);
        },
      })
      .then(
        (channel) => {
          joined = channel;
          if (isOver) channel.leave();
          else change({ channel });
        },
        (error: AuraError) => change({ status: 'closed', error }),
      );
    return () => {
      isOver = true;
      joined?.leave();
    };
  }, [client, name]);
  return state;
};

const JOINING = { channel: null, status: 'joining', error: null, here: {} } as const;
