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
  // what is loaded later is nobody's burden at the start
  const start = output.filter((one) => one.type === 'chunk' && one.isEntry);
  const needed = new Set(output[0].imports);
  const code = output.map((one) =>
    one.type === 'chunk' && (one.isEntry || needed.has(one.fileName)) ? one.code : '',
  );
  expect(start).toHaveLength(1);
  return gzipSync(code.join(''), { level: 9 }).length;
};

test('the core is smaller than 6 kB, and what is not used is not carried', async () => {
  const core = await sizeOf(['createClient']);
  const all = await sizeOf(['createClient', 'pages', 'batch', 'graphql']);
  expect(core).toBeLessThan(6000);
  expect(all).toBeLessThan(6000);
  expect(core).toBeLessThan(all - 800);
});
