/**
 * Puts what the page at /docs needs of Scalar into the package: one file, so that who installs Aura does not install
 * the two hundred packages that it was made of. Run by `npm run build`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const root = new URL('../../../', import.meta.url);
const scalar = new URL('node_modules/@scalar/api-reference/', root);
const { name, version, license } = JSON.parse(readFileSync(new URL('package.json', scalar), 'utf8'));
const notice = `/*! ${name} ${version}, ${license} License, Copyright (c) 2023-present Scalar, https://github.com/scalar/scalar/blob/main/LICENSE */\n`;

mkdirSync(new URL('dist/reference/', root), { recursive: true });
writeFileSync(
  new URL('dist/reference/scalar.js', root),
  notice + readFileSync(new URL('dist/browser/standalone.js', scalar), 'utf8'),
);
