/** Bytes of a program that makes a client and sends one query: Aura's client and @supabase/supabase-js. */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

const sdk = fileURLToPath(new URL('../sdk/index.ts', import.meta.url));

const PROGRAMS: Readonly<Record<string, string>> = {
  'aura: createClient': `import { createClient } from '${sdk}'; console.log(await createClient('http://a').from('t').select());`,
  'aura: everything': `import * as aura from '${sdk}'; console.log(aura);`,
  '@supabase/supabase-js': `import { createClient } from '@supabase/supabase-js'; console.log(await createClient('http://a', 'k').from('t').select());`,
  '@supabase/postgrest-js': `import { PostgrestClient } from '@supabase/postgrest-js'; console.log(await new PostgrestClient('http://a').from('t').select());`,
};

for (const [name, program] of Object.entries(PROGRAMS)) {
  const bundle = await rolldown({
    input: 'entry.js',
    platform: 'browser',
    logLevel: 'silent',
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === 'entry.js' ? fileURLToPath(new URL('entry.js', import.meta.url)) : null),
        load: (id) => (id.endsWith('/entry.js') && id.includes('/bench/') ? program : null),
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'es', minify: true });
  await bundle.close();
  // without what is loaded only when it is used
  const needed = new Set(output[0].imports);
  const code = output
    .map((one) => (one.type === 'chunk' && (one.isEntry || needed.has(one.fileName)) ? one.code : ''))
    .join('');
  const bytes = Buffer.byteLength(code);
  console.log(
    `${name.padEnd(24)} ${String(bytes).padStart(7)} bytes, ${String(gzipSync(code, { level: 9 }).length).padStart(6)} compressed`,
  );
}
