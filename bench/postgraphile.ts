/**
 * PostGraphile 5 as it is measured beside: installed from the registry into a temporary folder, with its preset for
 * new projects, eight connections, the same tokens and the same role and claims for PostgreSQL.
 */
import { execFile, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findFreePort, send, type WireRequest } from './server.ts';

const run = promisify(execFile);

export const POSTGRAPHILE = '5.1.5';

const PACKAGES = [`postgraphile@${POSTGRAPHILE}`, 'graphql@16.15.0', 'pg@8.23.1'];

const SERVER = `
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { postgraphile } from 'postgraphile';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';
import { makePgService } from 'postgraphile/adaptors/pg';
import { grafserv } from 'postgraphile/grafserv/node';

const verified = new Map();
const claimsOf = (header) => {
  const token = header?.slice('Bearer '.length) ?? '';
  const known = verified.get(token);
  if (known) return known;
  const [head, body, signature] = token.split('.');
  const own = createHmac('sha256', process.env.SECRET).update(head + '.' + body).digest();
  if (!timingSafeEqual(own, Buffer.from(signature ?? '', 'base64url'))) throw new Error('wrong token');
  const claims = Buffer.from(body, 'base64url').toString();
  verified.set(token, claims);
  return claims;
};
const pgl = postgraphile({
  extends: [PostGraphileAmberPreset],
  // it would leave out relations whose foreign key is not indexed whole
  disablePlugins: ['PgIndexBehaviorsPlugin'],
  pgServices: [makePgService({ connectionString: process.env.URI, schemas: ['public'], poolConfig: { max: 8 } })],
  grafast: {
    explain: false,
    context: (context) => {
      const claims = claimsOf(context.node.req.headers.authorization);
      return { pgSettings: { role: JSON.parse(claims).role, 'request.jwt.claims': claims, search_path: 'public, extensions' } };
    },
  },
  grafserv: { graphqlPath: '/graphql', graphiql: false, watch: false },
});
const server = createServer();
await pgl.createServ(grafserv).addTo(server);
server.listen(Number(process.env.PORT), '127.0.0.1');
`;

/** A server of GraphQL under test. */
export interface PostGraphile {
  readonly pid: number;
  readonly origin: string;
  stop(): Promise<void>;
}

/** Installs it and starts it; rejects with what it said where it does not answer `probe`. */
export async function startPostGraphile(
  folder: string,
  uri: string,
  secret: string,
  probe: WireRequest,
): Promise<PostGraphile> {
  await writeFile(join(folder, 'package.json'), '{"private": true, "type": "module"}');
  await writeFile(join(folder, 'server.mjs'), SERVER);
  await run('npm', ['install', '--no-audit', '--no-fund', ...PACKAGES], { cwd: folder });
  const port = await findFreePort();
  const log = join(folder, 'postgraphile.log');
  const child = spawn(process.execPath, ['server.mjs'], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      GRAPHILE_ENV: 'production',
      URI: uri,
      SECRET: secret,
      PORT: String(port),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = createWriteStream(log);
  child.stdout?.pipe(output, { end: false });
  child.stderr?.pipe(output, { end: false });
  const origin = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null) return;
    const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
    child.kill('SIGKILL');
    await ended;
  };
  for (let attempt = 0; ; attempt++) {
    const answer = await send(origin, probe).catch(() => null);
    if (answer?.status === 200) return { pid: child.pid ?? 0, origin, stop };
    if (attempt > 200 || child.exitCode !== null) {
      await stop();
      const said = await readFile(log, 'utf8');
      throw new Error(`PostGraphile does not answer: ${answer?.body.toString() ?? ''}\n${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
