/**
 * Loads the catalog: the files of sql/catalog become one statement that answers one JSON document, so that all
 * of it comes in one trip and from one snapshot; build.ts makes the Catalog of it. How a statement reaches the
 * database is the caller's: only execute/pool.ts knows the driver.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildCatalog } from './build.ts';
import type { RawCatalog } from './raw.ts';
import type { Catalog } from './types.ts';

/** What of the configuration decides how the catalog looks. */
export interface CatalogOptions {
  /** `db-schemas`: the exposed schemas, the default first. Each must exist. */
  readonly schemas: readonly string[];
  /** `db-extra-search-path`. */
  readonly extraSearchPath: readonly string[];
  /** `db-hoisted-tx-settings`. */
  readonly hoistedSettings: readonly string[];
}

/** One statement, and the settings that must be in force, for it alone, when it is parsed and run. */
export interface CatalogStatement {
  readonly text: string;
  readonly values: readonly unknown[];
  readonly settings: Readonly<Record<string, string>>;
}

/** Runs a statement and answers its rows as arrays of values; `text` values must come as strings. */
export type CatalogQuery = (statement: CatalogStatement) => Promise<readonly (readonly unknown[])[]>;

/** An exposed schema is not there. Its own class, so that whoever starts the server can name the setting. */
export class MissingSchemaError extends Error {
  override readonly name = 'MissingSchemaError';
  readonly schemas: readonly string[];

  constructor(schemas: readonly string[]) {
    const names = schemas.map((schema) => `"${schema}"`).join(', ');
    super(
      `The database has no schema ${names}. Create it, or correct the setting db-schemas (names are case-sensitive).`,
    );
    this.schemas = schemas;
  }
}

/** The parts of the document, each from the file of the same name in sql/catalog. */
const PARTS = [
  'schemas',
  'relations',
  'columns',
  'checks',
  'keys',
  'foreign-keys',
  'view-columns',
  'policies',
  'routines',
  'row-functions',
  'representations',
  'media-handlers',
  'roles',
  'enums',
  'types',
  'publications',
  'unique-indexes',
] as const;

/**
 * Types and functions then print with their schema unless they are built in, and nothing that a user created can
 * take the place of a built-in. Temporary objects come last, since they come first where they are not named.
 */
const SEARCH_PATH = 'pg_catalog, pg_temp';

/**
 * Compiling a statement this large takes longer than running it; its estimated cost invites it in large schemas.
 * Backslashes in its strings are backslashes.
 */
const SETTINGS = Object.freeze({ search_path: SEARCH_PATH, jit: 'off', standard_conforming_strings: 'on' });

/**
 * The statement's text. Parameters: $1 exposed schemas, $2 extra search path, $3 hoisted settings, all `text[]`.
 * Throws when the files are missing, which only a broken installation causes.
 */
export const readCatalogStatement = (): string => {
  const folder = findFolder();
  const parts = PARTS.map((part) => {
    const text = readFileSync(join(folder, `${part}.sql`), 'utf8');
    return `'${part.replaceAll('-', '_')}', (select coalesce(json_agg(part), '[]') from (\n${text}) part)`;
  });
  return [
    'select json_build_object(',
    `'server_version', current_setting('server_version_num')::int,`,
    `'search_path', current_setting('search_path'),`,
    parts.join(',\n'),
    ')::text',
  ].join('\n');
};

/** sql/ lies beside server/ in the repository and beside dist/ in the package. */
const findFolder = (): string => {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    const candidate = join(folder, 'sql', 'catalog');
    if (existsSync(join(candidate, 'relations.sql'))) return candidate;
    if (folder === dirname(folder)) {
      throw new Error(
        `The folder sql/catalog is in no folder above ${start}: the installation is incomplete.`,
      );
    }
  }
};

/**
 * A loader that reads the SQL files at its first use only. It rejects with what `query` rejects with, or with
 * MissingSchemaError.
 */
export const createCatalogLoader = (
  query: CatalogQuery,
  options: CatalogOptions,
): (() => Promise<Catalog>) => {
  let text: string | undefined;
  return async () => {
    text ??= readCatalogStatement();
    const values = [options.schemas, options.extraSearchPath, options.hoistedSettings];
    const rows = await query({ text, values, settings: SETTINGS });
    const raw = parseDocument(rows[0]?.[0]);
    const found = new Set(raw.schemas.map((schema) => schema.name));
    const missing = options.schemas.filter((schema) => !found.has(schema));
    if (missing.length > 0) throw new MissingSchemaError(missing);
    return buildCatalog(raw, options);
  };
};

const parseDocument = (document: unknown): RawCatalog => {
  if (typeof document !== 'string') {
    throw new TypeError(`The catalog's document came as ${typeof document}, not as text.`);
  }
  const raw: RawCatalog = JSON.parse(document);
  if (raw.search_path !== SEARCH_PATH) {
    throw new Error(`The catalog was read under the search path "${raw.search_path}", not "${SEARCH_PATH}".`);
  }
  return raw;
};

/**
 * Loads and links the catalog once.
 *
 * @example
 * const catalog = await loadCatalog(query, { schemas: ['public'], extraSearchPath: [], hoistedSettings: [] });
 * catalog.relations.get(nameKey('public', 'albums'))?.primaryKey; // ['id']
 */
export const loadCatalog = (query: CatalogQuery, options: CatalogOptions): Promise<Catalog> =>
  createCatalogLoader(query, options)();
