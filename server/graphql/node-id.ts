/**
 * Node ids and cursors: base64 of a JSON array, as pg_graphql writes them. A node id has schema, relation and key; a
 * cursor the values that its order has at a row. PostgreSQL makes them; here they are read, without turning any value
 * into JavaScript's.
 */
import { GraphQLError } from 'graphql';
import { elementsOf, kindOf } from '../request/json-text.ts';

/** The elements of the array as text; null = NULL. Null where the text is no such array. */
function decode(text: string): readonly (string | null)[] | null {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return null;
  const json = Buffer.from(text, 'base64').toString('utf8');
  try {
    if (!Array.isArray(JSON.parse(json))) return null;
  } catch {
    return null;
  }
  return [...elementsOf(json, json.indexOf('['))].map(({ start, end }) => {
    const element = json.slice(start, end);
    if (element.startsWith('"')) return JSON.parse(element) as string;
    return kindOf(element) === 'null' ? null : element;
  });
}

export interface NodeId {
  readonly schema: string;
  readonly relation: string;
  readonly key: readonly (string | null)[];
}

/** Reads a node id. Throws GraphQLError for what is none. */
export function parseNodeId(text: unknown): NodeId {
  const [schema, relation, ...key] = (typeof text === 'string' ? decode(text) : null) ?? [];
  if (typeof schema === 'string' && typeof relation === 'string' && key.length > 0) {
    return { schema, relation, key };
  }
  throw new GraphQLError('Invalid value passed to nodeId argument', {
    extensions: { hint: 'Pass a nodeId that this API has answered.' },
  });
}

/** Reads a cursor. Throws GraphQLError for what is none. */
export function parseCursor(text: unknown): readonly (string | null)[] {
  const values = typeof text === 'string' ? decode(text) : null;
  if (values !== null && values.length > 0) return values;
  throw new GraphQLError('Failed to decode cursor', {
    extensions: { hint: 'Pass a cursor that this API has answered.' },
  });
}
