/**
 * How long the catalog takes to load and link: 1,000 tables of ten columns with a foreign key each, 2,000 functions,
 * 200 views. Prints milliseconds, medians of several runs on a warm connection and the first run on a cold one; and how
 * long that schema takes to be described as OpenAPI, from the catalog to the bytes, and to be built as GraphQL.
 *
 * node bench/catalog.ts               on a throwaway embedded server
 * TEST_DB_URI=... node bench/catalog.ts    on the server at that superuser's URI, in a database of its own
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CatalogQuery, loadCatalog } from '../server/catalog/load.ts';
import { renderCatalog } from '../server/catalog/render.ts';
import type { Catalog } from '../server/catalog/types.ts';
import { judgeOf, visibleTo } from '../server/catalog/visible.ts';
import { startEmbedded } from '../server/embedded.ts';
import { buildModel as buildGraphqlModel } from '../server/graphql/model.ts';
import { buildSchema } from '../server/graphql/schema.ts';
import { renderOpenApi } from '../server/openapi/document.ts';
import { type ApiModel, buildModel } from '../server/openapi/model.ts';
import { renderSwagger } from '../server/openapi/swagger.ts';
import { connectCatalog } from '../tests/catalog/connect.ts';
import { makeLargeSchema } from '../tests/catalog/large.ts';
import { median } from './median.ts';

const RUNS = 9;
const SIZE = { tables: 1000, functions: 2000, views: 200 };
const OPTIONS = { schemas: ['large'], extraSearchPath: ['public'], hoistedSettings: ['statement_timeout'] };

const startServer = async (): Promise<{ uri: string; stop(): Promise<void> }> => {
  const uri = process.env['TEST_DB_URI'];
  if (uri !== undefined) return { uri, stop: async () => undefined };
  const folder = await mkdtemp(join(tmpdir(), 'aura-bench-'));
  const server = await startEmbedded({ dataDir: join(folder, 'pg'), port: null, throwaway: true });
  return {
    uri: server.superuserUri,
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

/** Milliseconds of one load, and of these the part that passed until PostgreSQL had answered. */
const timeLoad = async (query: CatalogQuery): Promise<{ total: number; database: number }> => {
  let database = 0;
  const timed: CatalogQuery = async (statement) => {
    const start = performance.now();
    const rows = await query(statement);
    database = performance.now() - start;
    return rows;
  };
  const start = performance.now();
  await loadCatalog(timed, OPTIONS);
  return { total: performance.now() - start, database };
};

/** The documents of a schema, as anon sees it, without the cache. */
const documentsOf = (catalog: Catalog): readonly (readonly [name: string, describe: () => object])[] => {
  const [schema = ''] = catalog.schemas;
  const model = (): ApiModel =>
    buildModel(catalog, { role: 'anon', schema, followPrivileges: true, requireRls: 'off' });
  const version = '0';
  const address = { scheme: 'http', host: 'localhost:3000', path: '/' } as const;
  return [
    [
      'OpenAPI 3.1, once     ',
      () =>
        renderOpenApi(model(), {
          version,
          serverUrl: '/',
          rootUrl: '/',
          asksForToken: false,
          addPaths: () => [],
        }),
    ],
    [
      'Swagger 2.0, once     ',
      () => renderSwagger(model(), { version, address, asksForToken: false, searchPath: [schema] }),
    ],
  ];
};

/** Milliseconds to build the GraphQL schema of a role, and how many types introspection shows of it. */
const timeGraphql = (catalog: Catalog): { time: number; types: number } => {
  const start = performance.now();
  const schema = buildSchema(buildGraphqlModel(catalog, judgeOf(catalog, 'anon')), false);
  const time = performance.now() - start;
  return { time, types: Object.keys(schema.getTypeMap()).length };
};

const timeDescription = (describe: () => object): { time: number; bytes: number } => {
  const start = performance.now();
  const bytes = Buffer.from(JSON.stringify(describe())).length;
  return { time: performance.now() - start, bytes };
};

const measure = async (uri: string): Promise<void> => {
  const setup = await connectCatalog(uri);
  for (const role of ['anon', 'authenticated', 'service_role']) {
    await setup.run(`do $$ begin create role ${role}; exception when duplicate_object then null; end $$`);
  }
  await makeLargeSchema(setup.run, SIZE);
  await setup.run('vacuum analyze');
  await setup.close();

  const cold: number[] = [];
  const warm: number[] = [];
  const answered: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    const connection = await connectCatalog(uri);
    cold.push((await timeLoad(connection.query)).total);
    const { total, database } = await timeLoad(connection.query);
    warm.push(total);
    answered.push(database);
    await connection.close();
  }
  const connection = await connectCatalog(uri);
  const catalog = await loadCatalog(connection.query, OPTIONS);
  await connection.close();
  const narrowing = performance.now();
  visibleTo(catalog, 'anon');
  const narrowed = performance.now() - narrowing;
  const ms = (value: number): string => `${value.toFixed(0)} ms`;
  console.log(
    `PostgreSQL ${catalog.serverVersion}: ${SIZE.tables} tables, ${SIZE.functions} functions, ${SIZE.views} views`,
  );
  console.log(`load and link, new connection   ${ms(median(cold))} (first ${ms(cold[0] ?? 0)})`);
  console.log(`load and link, used connection  ${ms(median(warm))}`);
  console.log(`  of it until answered          ${ms(median(answered))}`);
  console.log(`narrowing to a role, once       ${ms(narrowed)}`);
  for (const [name, describe] of documentsOf(catalog)) {
    const times = Array.from({ length: RUNS }, () => timeDescription(describe));
    const [first] = times;
    const size = (first?.bytes ?? 0) / 1e6;
    const middle = median(times.map(({ time }) => time));
    console.log(`${name}          ${ms(middle)} (first ${ms(first?.time ?? 0)}), ${size.toFixed(1)} MB`);
  }
  const builds = Array.from({ length: RUNS }, () => timeGraphql(catalog));
  const [build] = builds;
  const built = median(builds.map(({ time }) => time));
  console.log(
    `GraphQL schema, once            ${ms(built)} (first ${ms(build?.time ?? 0)}), ${build?.types} types`,
  );
  console.log(
    `rendered as JSON                ${(JSON.stringify(renderCatalog(catalog)).length / 1e6).toFixed(1)} MB`,
  );
};

const server = await startServer();
try {
  const name = `aura_bench_catalog_${process.pid}`;
  const admin = await connectCatalog(server.uri);
  await admin.run(`create database ${name}`);
  try {
    const uri = new URL(server.uri);
    uri.pathname = `/${name}`;
    await measure(uri.href);
  } finally {
    await admin.run(`drop database ${name} with (force)`);
    await admin.close();
  }
} finally {
  await server.stop();
}
