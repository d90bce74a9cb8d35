#!/usr/bin/env node
/**
 * The launcher, in plain JavaScript for any Node. The published package holds compiled JavaScript in dist/, which
 * runs right here. In the repository the TypeScript runs as it stands, for which Node 24 is needed: an older one
 * hands over to the Node of the development dependency `node`.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, 'server', 'cli.ts');
const compiled = join(root, 'dist', 'server', 'cli.js');
const major = Number(process.versions.node.split('.')[0]);

/**
 * How V8 collects what each request leaves behind. A young generation of 4 MB is large enough to cost little, and
 * small enough to give back soon what its objects hold outside of V8's heap: the bytes of answers. It is collected by
 * one thread: PostgreSQL has work for the other processors, and threads that wait for each other cost both of them. The
 * old generation is collected when it has doubled: V8 would let it grow to four times its size where memory is plenty.
 */
const V8_FLAGS = [
  '--max-semi-space-size=4',
  '--no-parallel-scavenge',
  '--heap-growing-percent=100',
  // for what the start leaves behind (server/host/memory.ts)
  '--expose-gc',
];

const isTuned = () =>
  [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((option) => option.includes('semi-space'));

/** Starts this process anew with V8's flags, where that can be done in its place; else sets what can be set. */
const tune = () => {
  if (isTuned()) return;
  // a channel to a parent would be lost
  if (process.execve === undefined || process.send !== undefined || process.platform === 'win32') {
    for (const flag of ['--semi-space-growth-factor=1', '--no-parallel-scavenge']) setFlagsFromString(flag);
    return;
  }
  const args = [process.execPath, ...process.execArgv, ...V8_FLAGS, ...process.argv.slice(1)];
  process.execve(process.execPath, args, process.env);
};

const run = async (file) => {
  tune();
  nodeModule.enableCompileCache?.();
  const { main } = await import(pathToFileURL(file).href);
  await main(process.argv);
};

const findNode = () => {
  try {
    return join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node');
  } catch {
    return null;
  }
};

/** Runs this file under another Node, with our terminal; its end is ours. */
const handOver = (node) => {
  const child = spawn(node, [...V8_FLAGS, fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']) {
    process.on(signal, () => {
      // Ctrl-C in a terminal reaches the child by itself
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.once('error', (error) => {
    console.error(`${node} cannot be run: ${error.message}`);
    process.exitCode = 1;
  });
  child.once('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 1;
      return;
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
};

if (major < 20) {
  console.error(`Aura needs Node 20 or newer; this is ${process.version}.`);
  process.exitCode = 1;
} else if (!existsSync(source)) {
  await run(compiled);
} else if (major >= 24) {
  await run(source);
} else {
  const node = findNode();
  if (node === null || !existsSync(node)) {
    console.error(
      `Aura's sources need Node 24, and this is ${process.version}. Install the development dependencies (npm ci), which bring one, or build first (npm run build).`,
    );
    process.exitCode = 1;
  } else {
    handOver(node);
  }
}
