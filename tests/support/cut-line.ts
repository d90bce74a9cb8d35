/** A line between a client and a server, which a test can cut. */
import { connect, createServer, type NetConnectOpts, type Socket } from 'node:net';

export interface CutLine {
  readonly port: number;
  /** Breaks all connections off; new ones are refused until it is mended. */
  readonly cut: () => void;
  /** Nothing passes any more, and nobody is told, until it is mended. */
  readonly silence: () => void;
  readonly mend: () => void;
  /** Nothing passes any more on the connections that are open; new ones are as they should be. */
  readonly deafen: () => void;
  readonly close: () => Promise<void>;
}

/** Listens on a free port of the loopback address, and leads to the target. */
export async function openLine(target: () => NetConnectOpts): Promise<CutLine> {
  const sockets = new Set<Socket>();
  const deaf = new WeakSet<Socket>();
  let state: 'whole' | 'cut' | 'silent' = 'whole';
  const server = createServer((near) => {
    if (state === 'cut') {
      near.destroy();
      return;
    }
    const far = connect(target());
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.once('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.on('data', (chunk) => {
        if (state !== 'silent' && !deaf.has(socket)) other.write(chunk);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const breakAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    cut: () => {
      state = 'cut';
      breakAll();
    },
    silence: () => {
      state = 'silent';
    },
    mend: () => {
      // what was lost in the silence cannot be made good
      if (state === 'silent') breakAll();
      state = 'whole';
    },
    deafen: () => {
      for (const socket of sockets) deaf.add(socket);
    },
    close: async () => {
      breakAll();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
