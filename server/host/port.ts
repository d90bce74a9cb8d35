/**
 * Loopback ports: is one free, and if not, who has it. A port counts as free only if both IPv4's and IPv6's
 * loopback can have it; a machine without IPv6 is asked for IPv4 alone.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { StartError, systemCode } from '../errors/start.ts';
import { commandLine } from './process.ts';

const LOOPBACK = ['127.0.0.1', '::1'] as const;

/** Binds and lets go at once. Gives the system's code for a refusal, or null. */
const tryBind = (host: string, port: number): Promise<string | null> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (error) => resolve(systemCode(error) ?? 'EUNKNOWN'));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(null)));
  });

/** The inodes of the sockets that listen on a port, from Linux's tables (the port stands there in hex). */
const listeningInodes = async (port: number): Promise<Set<string>> => {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === '0A' && local?.endsWith(`:${hex}`) && inode !== undefined) inodes.add(inode);
    }
  }
  return inodes;
};

const linuxHolder = async (port: number): Promise<number | null> => {
  const inodes = await listeningInodes(port);
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    // another user's processes do not show their files
    const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const file of files) {
      const target = await readlink(`/proc/${pid}/fd/${file}`).catch(() => '');
      if (inodes.has(target.slice('socket:['.length, -1))) return Number(pid);
    }
  }
  return null;
};

const lsofHolder = async (port: number): Promise<number | null> => {
  try {
    const { stdout } = await promisify(execFile)('lsof', ['-nPt', `-iTCP:${port}`, '-sTCP:LISTEN']);
    return Number.parseInt(stdout, 10) || null;
  } catch {
    return null;
  }
};

/** Who listens on a port, as text for a message: `process 123 (node server.js)` or `another process`. */
export const portHolder = async (port: number): Promise<string> => {
  const pid = process.platform === 'linux' ? await linuxHolder(port) : await lsofHolder(port);
  if (pid === null) return 'another process';
  const command = (await commandLine(pid)) ?? '';
  const short = command.length > 60 ? `${command.slice(0, 59)}…` : command;
  return short === '' ? `process ${pid}` : `process ${pid} (${short})`;
};

/**
 * The loopback addresses on which a port can be had now.
 * @param remedy what to do if it is taken; ends the message
 * @throws StartError if the port is taken on one of them, or none can be had at all
 */
export const freeLoopback = async (port: number, remedy: string): Promise<readonly string[]> => {
  const usable: string[] = [];
  for (const host of LOOPBACK) {
    const refusal = await tryBind(host, port);
    if (refusal === null) usable.push(host);
    else if (refusal === 'EADDRINUSE') {
      throw new StartError(`Port ${port} on ${host} is in use by ${await portHolder(port)}.`, remedy);
    } else if (refusal === 'EACCES') {
      throw new StartError(`Port ${port} needs privileges that this process does not have.`, remedy);
    }
  }
  if (usable.length === 0) throw new StartError('This machine has no loopback interface to listen on.');
  return usable;
};
