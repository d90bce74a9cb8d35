/**
 * Scalar's page as one file. It is published inside of a plugin for Fastify, which serves it: registered with what
 * stands in for a server, the plugin hands it out. (The package that it is made in brings two hundred others.)
 *
 * `npm run build` runs this file, which then puts a copy into the package: who installs Aura needs neither.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { repositoryFile } from '../../host/files.ts';

const PACKAGE = 'node_modules/@scalar/fastify-api-reference';
/** Where the build puts it. */
export const BUILT = 'dist/reference/scalar.js';

interface Reply {
  header(name: string, value: string): Reply;
  send(content: string): string;
}

interface Route {
  readonly url: string;
  handler(request: null, reply: Reply): string;
}

/** What the plugin asks of a server. */
interface Registrar {
  readonly initialConfig: object;
  readonly log: { warn(message: string): void };
  hasPlugin(name: string): boolean;
  route(route: Route): void;
}

type Plugin = (
  server: Registrar,
  options: { readonly routePrefix: string; readonly configuration: { readonly url: string } },
  next: () => void,
) => void;

/** The text of the bundle, from the development dependency. Rejects where that is not installed. */
export async function readBundle(): Promise<string> {
  const imported: { readonly default: unknown } = await import('@scalar/fastify-api-reference');
  const register = imported.default as Plugin;
  const routes: Route[] = [];
  const server: Registrar = {
    initialConfig: {},
    log: { warn: () => undefined },
    hasPlugin: () => false,
    route: (route) => void routes.push(route),
  };
  register(server, { routePrefix: '/docs', configuration: { url: '/' } }, () => undefined);
  const found = routes.find(({ url }) => url.endsWith('.js'));
  if (found === undefined) throw new Error(`${PACKAGE} serves no script any more`);
  const reply: Reply = { header: () => reply, send: (content) => content };
  return found.handler(null, reply);
}

if (import.meta.main) {
  const license = (await readFile(repositoryFile(`${PACKAGE}/LICENSE`), 'utf8')).trim();
  const target = repositoryFile(BUILT);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, `/*! Scalar API Reference\n\n${license}\n*/\n${await readBundle()}`);
}
