/**
 * Code from the catalog. A target is a function from the model to text, and one line here.
 */
import { printDart } from './dart.ts';
import { printGo } from './go.ts';
import { printMermaid } from './mermaid.ts';
import type { Model } from './model.ts';
import { printPython } from './python.ts';
import { printSvg } from './svg.ts';
import { printTypeScript } from './typescript.ts';
import { printZod } from './zod.ts';

export { buildModel, ModelError, type ModelOptions } from './build.ts';
export type { Model } from './model.ts';
export { readSavedCatalog, SavedCatalogError } from './saved.ts';

export interface PrintOptions {
  readonly brandDomains: boolean;
  /** What a target is called that has several forms: `mermaid` or `svg` of `erd`. */
  readonly format: string | null;
}

export interface Target {
  readonly summary: string;
  /** The forms it has, the default first; the ends of file names choose among them. */
  readonly formats: readonly string[];
  readonly print: (model: Model, options: PrintOptions) => string;
}

/** By what `aura gen` calls them. */
export const targets: ReadonlyMap<string, Target> = new Map<string, Target>([
  ['types', { summary: 'TypeScript: the type Database', formats: ['ts'], print: printTypeScript }],
  [
    'zod',
    { summary: 'Zod schemas of rows, inserts, updates and arguments', formats: ['ts'], print: printZod },
  ],
  [
    'erd',
    {
      summary: 'an entity-relationship diagram, as Mermaid or SVG',
      formats: ['mermaid', 'svg'],
      print: (model, { format }) => (format === 'svg' ? printSvg(model) : printMermaid(model)),
    },
  ],
  ['python', { summary: 'Python: pydantic models', formats: ['py'], print: printPython }],
  ['dart', { summary: 'Dart: classes with fromJson and toJson', formats: ['dart'], print: printDart }],
  ['go', { summary: 'Go: structs with JSON tags', formats: ['go'], print: printGo }],
]);
