import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { pages } from '../../docs/generate.ts';
import { settings } from '../../server/config.ts';

describe('generated documentation', () => {
  test.each(Object.entries(pages))('docs/%s is what `npm run docs` writes', (file, render) => {
    expect(readFileSync(new URL(`../../docs/${file}`, import.meta.url), 'utf8')).toBe(render());
  });

  test('every setting is described in whole sentences', () => {
    for (const [name, { description }] of Object.entries(settings)) {
      expect(description, name).toMatch(/^[A-Z`].*\.$/s);
    }
  });
});
