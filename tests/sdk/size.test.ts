/** How much of the client a program carries: bundled and minified as its bundler would, then compressed. */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';

const SDK = join(import.meta.dirname, '../../sdk/index.ts');

/** Bytes, minified and compressed, of a program that uses these exports. */
const sizeOf = async (names: readonly string[]): Promise<number> => {
  const entry = '\0entry';
  const bundle = await rolldown({
    input: entry,
    treeshake: true,
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === entry ? id : null),
        load: (id) =>
          id === entry
            ? `import { ${names.join()} } from ${JSON.stringify(SDK)}; console.log(${names.join()})`
            : null,
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'es', minify: true });
  await bundle.close();
  expect(output).toHaveLength(1);
  expect(output[0].imports).toEqual([]);
  return gzipSync(output[0].code, { level: 9 }).length;
};

test('the core is smaller than 6 kB, and what is not used is not carried', async () => {
  const core = await sizeOf(['createClient']);
  const all = await sizeOf(['createClient', 'pages', 'batch', 'graphql']);
  expect(core).toBeLessThan(6000);
  expect(all).toBeLessThan(6000);
  expect(core).toBeLessThan(all - 800);
});
