/**
 * Where a server listens: hosts and ports as PostgREST writes them, or a Unix socket.
 */
import { chmod, rm, stat } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { listenHost } from '../config/listen-host.ts';
import { StartError, systemCode } from '../errors/start.ts';
import { portHolder } from './port.ts';

export type Address =
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly ipv6Only: boolean;
      readonly port: number;
      readonly reusePort: boolean;
    }
  | { readonly kind: 'socket'; readonly path: string; readonly mode: number };

/** The addresses of a host and port, or of a socket. */
export function addressesOf(settings: {
  host: string;
  port: number;
  reusePort: boolean;
  socket: string | null;
  mode: number;
}): Address[] {
  const { host, port, reusePort, socket, mode } = settings;
  if (socket !== null) return [{ kind: 'socket', path: socket, mode }];
  // both addresses that the name stands for, where the system would take one
  if (host === 'localhost') {
    return ['127.0.0.1', '::1'].map((one) => ({ kind: 'tcp', host: one, ipv6Only: true, port, reusePort }));
  }
  return [{ kind: 'tcp', ...listenHost(host), port, reusePort }];
}

/** A socket's file that nobody listens at is left from a process that was killed. */
async function removeStale(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (!found?.isSocket()) return;
  const answers = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
  if (!answers) await rm(path);
}

async function explain(error: unknown, address: Address): Promise<StartError> {
  const code = systemCode(error);
  const shown = address.kind === 'socket' ? address.path : `${address.host}:${address.port}`;
  if (code === 'EADDRINUSE' && address.kind === 'tcp') {
    const holder = await portHolder(address.port);
    return new StartError(
      `Port ${address.port} is in use by ${holder}.`,
      'Choose another with --port or server-port.',
      error,
    );
  }
  if (code === 'EADDRINUSE')
    return new StartError(`Another process listens on ${shown}.`, 'Choose another path.', error);
  if (code === 'EACCES')
    return new StartError(`No permission to listen on ${shown}.`, 'Ports below 1024 need privileges.', error);
  return new StartError(
    `Cannot listen on ${shown}: ${error instanceof Error ? error.message : String(error)}`,
    null,
    error,
  );
}

async function listenAt(server: Server, address: Address): Promise<string> {
  if (address.kind === 'socket') await removeStale(address.path);
  const options =
    address.kind === 'socket'
      ? { path: address.path }
      : {
          host: address.host,
          port: address.port,
          reusePort: address.reusePort,
          ipv6Only: address.ipv6Only,
        };
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
  if (address.kind === 'socket') {
    await chmod(address.path, address.mode);
    return address.path;
  }
  const bound = server.address();
  const port = typeof bound === 'object' && bound ? bound.port : address.port;
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${port}`;
}

const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => server.close(() => resolve()));

/**
 * Makes a server listen at each address. An IPv6 address that the machine does not have is passed over where
 * another one serves.
 * @throws StartError where an address cannot be had; then none is kept
 */
export async function listenAll(
  makeServer: () => Server,
  addresses: readonly Address[],
): Promise<{ servers: Server[]; shown: string[] }> {
  const servers: Server[] = [];
  const shown: string[] = [];
  for (const [index, address] of addresses.entries()) {
    const server = makeServer();
    try {
      shown.push(await listenAt(server, address));
      servers.push(server);
    } catch (error) {
      const code = systemCode(error);
      const noSuchFamily = code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT';
      const another = servers.length > 0 || index < addresses.length - 1;
      if (noSuchFamily && another) continue;
      await Promise.all(servers.map(closeServer));
      throw await explain(error, address);
    }
  }
  return { servers, shown };
}
