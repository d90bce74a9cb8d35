/**
 * The TypeScript of the documentation, checked by the compiler against the example project: each block is a module of
 * its own, in which `aura` is a client.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const PAGES = ['sdk.md', 'codegen.md'] as const;

/** What a block counts on without saying it. */
const preamble = (block: string): string => {
  const needsClient = /\baura[.,]/.test(block) && !/const aura\b/.test(block);
  const makes = needsClient || /\bcreateClient</.test(block);
  return [
    ...(makes && !/import \{[^}]*createClient/.test(block)
      ? ["import { createClient } from '@aura/client';"]
      : []),
    ...(makes && !block.includes("from './database.ts'")
      ? ["import type { Database } from './database.ts';"]
      : []),
    ...(needsClient ? ["export const aura = createClient<Database>('http://127.0.0.1');"] : []),
    ...(block.includes(', key)') ? ['declare const key: string;'] : []),
  ].join(' ');
};

test.each(PAGES)('%s', async (page) => {
  const folder = await mkdtemp(join(tmpdir(), 'aura-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const text = await readFile(join(ROOT, 'docs', page), 'utf8');
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block ?? '');
  expect(blocks.length).toBeGreaterThan(0);
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(
    join(folder, 'database.ts'),
    await readFile(join(ROOT, 'tests/golden/codegen/tracks.types.ts')),
  );
  for (const [i, block] of blocks.entries()) {
    await writeFile(join(folder, `block-${i}.ts`), `${preamble(block)}\n${block}`);
  }
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      noUnusedLocals: false,
      types: [],
      lib: ['es2024', 'dom', 'dom.iterable'],
      preserveSymlinks: true,
      paths: {
        '@aura/client': [join(ROOT, 'sdk/index.ts')],
        '@aura/client/react': [join(ROOT, 'sdk/react/hooks.ts')],
        '@aura/client/react/channel': [join(ROOT, 'sdk/react/channel.ts')],
        '@aura/client/react/live': [join(ROOT, 'sdk/react/live.ts')],
        '@aura/client/server': [join(ROOT, 'sdk/server/with-user.ts')],
      },
    },
    include: ['*.ts'],
    exclude: [],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const found = await new Promise<string>((resolve) => {
    const program = join(ROOT, 'node_modules/typescript/bin/tsc');
    execFile(process.execPath, [program, '-p', folder], { cwd: folder }, (_error, stdout) => resolve(stdout));
  });
  expect(found).toBe('');
});
