/** Has the compiler check the type tests of this folder and what is generated, as `npm run typecheck` does. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** The compiler's findings in what is checked by a configuration. */
const check = (project: string): Promise<string> =>
  new Promise((resolve) => {
    const program = join(ROOT, 'node_modules/typescript/bin/tsc');
    execFile(process.execPath, [program, '-p', project, '--noEmit'], { cwd: ROOT }, (_error, stdout) =>
      resolve(stdout),
    );
  });

test('type tests hold, and generated TypeScript has no error', async () => {
  expect(await check('tests/types/tsconfig.json')).toBe('');
});

test('a type test that should fail does', async () => {
  expect(await check('tests/types/wrong/tsconfig.json')).toMatch(/same\.ts\(\d+,\d+\): error TS2554/);
});
