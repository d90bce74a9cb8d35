/** A catalog from a file: the JSON that `aura inspect` prints. */
import type { Catalog } from '../server/catalog/types.ts';
import { nameKey } from '../server/names.ts';

/** What was read is no catalog; for people. */
export class SavedCatalogError extends Error {
  override readonly name = 'SavedCatalogError';
}

type Plain = Readonly<Record<string, unknown>>;

const isPlain = (value: unknown): value is Plain =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Maps by one name. */
const SINGLE = ['roles', 'types', 'publications', 'schemaComments', 'schemaGrants'] as const;
/** Maps by schema and name, which are printed as one object a schema. */
const NESTED = ['relations', 'relationships', 'routines', 'enums'] as const;

const objectOf = (document: Plain, name: string): Plain => {
  const value = document[name];
  if (isPlain(value)) return value;
  throw new SavedCatalogError(
    `The file holds no catalog of this version of Aura: it has no "${name}". Write it anew with aura inspect.`,
  );
};

const relationOf = (value: unknown): unknown => {
  if (!isPlain(value)) return value;
  const columns = Object.entries(objectOf(value, 'columns')).sort(
    ([, a], [, b]) => (isPlain(a) ? Number(a['position']) : 0) - (isPlain(b) ? Number(b['position']) : 0),
  );
  const computed = Object.entries(objectOf(value, 'computedColumns'));
  return { ...value, columns: new Map(columns), computedColumns: new Map(computed) };
};

/**
 * The catalog that was printed, but for its representations' text.
 * @throws SavedCatalogError where the text is something else, or of another version
 */
export const readSavedCatalog = (text: string): Catalog => {
  const document = parse(text);
  const catalog: Record<string, unknown> = { ...document };
  for (const name of SINGLE) catalog[name] = new Map(Object.entries(objectOf(document, name)));
  for (const name of NESTED) {
    const entries = Object.entries(objectOf(document, name)).flatMap(([schema, items]) =>
      Object.entries(isPlain(items) ? items : {}).map(
        ([item, value]) => [nameKey(schema, item), name === 'relations' ? relationOf(value) : value] as const,
      ),
    );
    catalog[name] = new Map(entries);
  }
  const representations = Object.entries(objectOf(document, 'representations')).flatMap(([source, items]) =>
    Object.entries(isPlain(items) ? items : {}).map(
      ([target, value]) => [nameKey(source, target), value] as const,
    ),
  );
  catalog['representations'] = new Map(representations);
  if (!isCatalog(catalog))
    throw new SavedCatalogError('The file holds no catalog. Write one with aura inspect.');
  return catalog;
};

const parse = (text: string): Plain => {
  try {
    const document: unknown = JSON.parse(text);
    if (isPlain(document)) return document;
  } catch {
    // said below
  }
  throw new SavedCatalogError('The file holds no JSON object. Write one with aura inspect.');
};

/** What is not a map stands in the file as it is. */
const isCatalog = (value: unknown): value is Catalog =>
  isPlain(value) && typeof value['serverVersion'] === 'number' && Array.isArray(value['schemas']);
