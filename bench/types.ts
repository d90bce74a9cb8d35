/**
 * What types cost the compiler: a schema of 500 tables, and programs of 0, 100 and 200 queries over it with Aura's
 * client and with @supabase/supabase-js, both with the types that `aura gen types` prints. The same queries in the same
 * words, but for what only one of them can say. Prints the compiler's own numbers: milliseconds of checking and
 * instantiations, the difference that a query makes among them. The quickest of several runs, interleaved: what else runs on a machine only
 * adds.
 *
 * node bench/types.ts [tables]
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildModel, targets } from '../codegen/index.ts';
import { loadCatalog } from '../server/catalog/load.ts';
import { startEmbedded } from '../server/embedded.ts';
import { connectCatalog } from '../tests/catalog/connect.ts';
import { makeLargeSchema } from '../tests/catalog/large.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TABLES = Number(process.argv[2] ?? 500);
const COUNTS = [0, 100, 200] as const;
const RUNS = 5;

/** The types of a schema of tables that refer to each other, views and functions. */
const makeTypes = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'aura-bench-'));
  const server = await startEmbedded({ dataDir: join(folder, 'pg'), port: null, throwaway: true });
  try {
    const connection = await connectCatalog(server.superuserUri);
    for (const role of ['anon', 'authenticated', 'service_role']) await connection.run(`create role ${role}`);
    await makeLargeSchema(connection.run, { tables: TABLES, functions: TABLES / 5, views: TABLES / 10 });
    const catalog = await loadCatalog(connection.query, {
      schemas: ['large'],
      extraSearchPath: [],
      hoistedSettings: [],
    });
    await connection.close();
    const model = buildModel(catalog, { schemas: [], trustForeignKeys: true });
    const target = targets.get('types');
    if (target === undefined) throw new Error('there is no target types');
    return target.print(model, { brandDomains: false, format: null });
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
};

/** A query of the n-th table, its parent's and its children's rows, filtered and ordered, and a use of each. */
const query = (i: number): string => {
  const n = 2 + (i % (TABLES - 4));
  return `
export const q${i} = async () => {
  const { data } = await client
    .from('t${n}')
    .select('id, name, email, meta->a, parent:t${n - 1}!parent_id(id, name, t${n - 2}!parent_id(name)), t${n + 1}(id, tags)')
    .eq('name', 'x')
    .gt('amount', 1)
    .order('created_at')
    .limit(10);
  return data?.map((row) => [row.name.length, row.email?.length, row.t${n + 1}[0]?.id]);
};`;
};

const HEADS = {
  aura: `import { createClient } from './sdk/index.ts';
import type { Database } from './database.ts';
const client = createClient<Database, 'large'>('http://a', { schema: 'large' });`,
  'supabase-js': `import { createClient } from '@supabase/supabase-js';
import type { Database } from './database.ts';
const client = createClient<Database, 'large'>('http://a', 'k', { db: { schema: 'large' } });`,
} as const;

type Name = keyof typeof HEADS;

interface Measure {
  readonly check: number;
  readonly instantiations: number;
  readonly memory: number;
}

const number = (text: string, name: string): number => {
  const found = new RegExp(`^${name}:\\s+([\\d.]+)`, 'm').exec(text)?.[1];
  if (found === undefined) throw new Error(`the compiler does not say its ${name}:\n${text}`);
  return Number(found);
};

/** Checks a program. Throws with the compiler's findings where there are any. */
const check = (folder: string, project: string): Measure => {
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const text = execFileSync(process.execPath, [tsc, '-p', project, '--extendedDiagnostics'], {
    cwd: folder,
    encoding: 'utf8',
  });
  return {
    check: number(text, 'Check time') * 1000,
    instantiations: number(text, 'Instantiations'),
    memory: number(text, 'Memory used') / 1024,
  };
};

const folder = await mkdtemp(join(tmpdir(), 'aura-types-'));
try {
  await writeFile(join(folder, 'database.ts'), await makeTypes());
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  await symlink(join(ROOT, 'sdk'), join(folder, 'sdk'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const projects: { name: Name; count: number; file: string }[] = [];
  for (const name of ['aura', 'supabase-js'] as const) {
    for (const count of COUNTS) {
      const base = `${name}-${count}`;
      const body = Array.from({ length: count }, (_, i) => query(i)).join('\n');
      await writeFile(join(folder, `${base}.ts`), `${HEADS[name]}\nexport { client };\n${body}\n`);
      const config = {
        extends: join(ROOT, 'tsconfig.json'),
        compilerOptions: {
          noEmit: true,
          types: [],
          lib: ['es2024', 'dom', 'dom.iterable'],
          preserveSymlinks: true,
          singleThreaded: true,
        },
        include: [`${base}.ts`],
        exclude: [],
      };
      await writeFile(join(folder, `${base}.json`), JSON.stringify(config));
      projects.push({ name, count, file: `${base}.json` });
    }
  }
  const measures = new Map<string, Measure[]>();
  for (let run = 0; run < RUNS; run++) {
    for (const { file } of projects) measures.set(file, [...(measures.get(file) ?? []), check(folder, file)]);
  }
  const of = (name: Name, count: number, what: keyof Measure): number =>
    Math.min(...(measures.get(`${name}-${count}.json`) ?? []).map((one) => one[what]));
  console.log(`${TABLES} tables; checking alone, one thread`);
  for (const name of ['aura', 'supabase-js'] as const) {
    for (const count of COUNTS) {
      const [ms, instantiations, mb] = (['check', 'instantiations', 'memory'] as const).map((what) =>
        of(name, count, what),
      );
      console.log(
        `${name.padEnd(12)} ${String(count).padStart(3)} queries: ${ms?.toFixed(0).padStart(6)} ms ${String(instantiations).padStart(9)} instantiations ${mb?.toFixed(0).padStart(5)} MB`,
      );
    }
    // between 100 and 200, so that what is read once does not count
    const each = (what: keyof Measure): number => (of(name, 200, what) - of(name, 100, what)) / 100;
    console.log(
      `${name.padEnd(12)} a query more: ${each('check').toFixed(2)} ms, ${each('instantiations').toFixed(0)} instantiations`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
