/**
 * Reads the shape of a JSON column from a check that holds it to a JSON Schema, as the extension pg_jsonschema has
 * it: `check (jsonb_matches_schema('{...}', settings))`. What a schema says beyond shape (lengths, formats, `not`)
 * does not show, and where a keyword could mean several shapes the shape is wider than the schema, never narrower.
 */
import type { JsonProperty, JsonShape } from './model.ts';

const CALL =
  /^\(*(?:(?:"[^"]+"|\w+)\.)?jsonb?_matches_schema\((?:schema => )?'((?:[^']|'')*)'::jsonb?, (?:instance => )?(?:"(?:[^"]|"")+"|\w+)\)+$/;

const ANY: JsonShape = { kind: 'any' };

type Node = Readonly<Record<string, unknown>>;

interface Context {
  readonly root: Node;
  /** The references that lead here. */
  readonly path: readonly string[];
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isLiteral = (value: unknown): value is string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

const unite = (shapes: readonly JsonShape[]): JsonShape => {
  if (shapes.some(({ kind }) => kind === 'any')) return ANY;
  const [first] = shapes;
  return shapes.length === 1 && first !== undefined ? first : { kind: 'union', of: shapes };
};

const literal = (value: unknown): JsonShape => {
  if (value === null) return { kind: 'null' };
  return isLiteral(value) ? { kind: 'literal', value } : ANY;
};

/** Words that choose between objects by their keys: which keys there are cannot be said in one object. */
const CHOICES = ['patternProperties', 'if', 'dependentSchemas', 'allOf'] as const;

const readObject = (node: Node, context: Context): JsonShape => {
  const { properties, required, additionalProperties } = node;
  const needed = new Set(Array.isArray(required) ? required : []);
  const known = isNode(properties) ? Object.entries(properties) : [];
  const read: JsonProperty[] = known.map(([name, value]) => ({
    name,
    required: needed.has(name),
    shape: readSchema(value, context),
  }));
  for (const name of needed) {
    if (typeof name === 'string' && !known.some(([key]) => key === name)) {
      read.push({ name, required: true, shape: ANY });
    }
  }
  const isOpen = CHOICES.some((word) => word in node);
  if (additionalProperties === false && !isOpen) return { kind: 'object', properties: read, rest: null };
  const rest = isNode(additionalProperties) && !isOpen ? readSchema(additionalProperties, context) : ANY;
  return { kind: 'object', properties: read, rest };
};

const readType = (type: unknown, node: Node, context: Context): JsonShape => {
  switch (type) {
    case 'string':
    case 'number':
    case 'integer':
    case 'boolean':
    case 'null':
      return { kind: type };
    case 'array':
      return { kind: 'array', of: 'prefixItems' in node ? ANY : readSchema(node['items'] ?? true, context) };
    case 'object':
      return readObject(node, context);
    default:
      return ANY;
  }
};

/** `#/$defs/address` */
const resolve = (pointer: unknown, root: Node): unknown => {
  if (typeof pointer !== 'string' || !pointer.startsWith('#/')) return true;
  let found: unknown = root;
  for (const token of pointer.slice(2).split('/')) {
    const key = decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~');
    if (!isNode(found) || !Object.hasOwn(found, key)) return true;
    found = found[key];
  }
  return found;
};

const readSchema = (value: unknown, context: Context): JsonShape => {
  if (!isNode(value)) return ANY;
  if ('$ref' in value) return readReference(value['$ref'], context);
  if ('const' in value) return literal(value['const']);
  if (Array.isArray(value['enum'])) return unite(value['enum'].map(literal));
  for (const word of ['anyOf', 'oneOf']) {
    const choices = value[word];
    // beside a type the choices only narrow it
    if (Array.isArray(choices) && choices.length > 0 && !('type' in value)) {
      return unite(choices.map((choice) => readSchema(choice, context)));
    }
  }
  const { type } = value;
  if (Array.isArray(type) && type.length > 0) return unite(type.map((one) => readType(one, value, context)));
  return readType(type, value, context);
};

/** A definition that leads back to itself has no finite shape: anything may be where it does. */
const readReference = (pointer: unknown, { root, path }: Context): JsonShape =>
  typeof pointer !== 'string' || path.includes(pointer)
    ? ANY
    : readSchema(resolve(pointer, root), { root, path: [...path, pointer] });

const TYPE_OF = /^\(*jsonb?_typeof\((?:"(?:[^"]|"")+"|\w+)\) = '(\w+)'::text\)*$/;

/** The shape that a check constraint keeps a JSON column to; null where the expression is another. */
export const shapeInCheck = (expression: string): JsonShape | null => {
  const type = TYPE_OF.exec(expression)?.[1];
  if (type !== undefined) return readType(type, {}, { root: {}, path: [] });
  const text = CALL.exec(expression)?.[1]?.replaceAll("''", "'");
  if (text === undefined) return null;
  const schema: unknown = JSON.parse(text);
  return isNode(schema) ? readSchema(schema, { root: schema, path: [] }) : ANY;
};
