import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createMetrics } from '../../server/observe/metrics.ts';

const page = readFileSync(new URL('../../docs/observability.md', import.meta.url), 'utf8');

test('docs/observability.md lists every metric of ours with its type, and no other', async () => {
  const text = await createMetrics(() => ({ open: 0, inUse: 0, waiting: 0, max: 0 })).render();
  const printed = [...text.matchAll(/^# TYPE ((?:pgrst|aura)_\w+) (\w+)$/gm)].map(
    ([, name, type]) => `${name} ${type}`,
  );
  const documented = [...page.matchAll(/^\| `((?:pgrst|aura)_\w+)` +\| (\w+) +\|/gm)].map(
    ([, name, type]) => `${name} ${type}`,
  );
  expect(documented.sort()).toEqual(printed.sort());
});
