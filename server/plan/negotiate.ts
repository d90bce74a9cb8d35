/**
 * Content negotiation: the first accepted media type that can be produced, and how (RFC 9110 section 12.5.1).
 */
import type { Catalog, MediaHandler } from '../catalog/types.ts';
import { apiError } from '../errors/codes.ts';
import { type QualifiedName, sameName } from '../names.ts';
import type { MediaType } from '../request/ast.ts';
import { contentType, mediaTypeName, parseMediaType } from '../request/media-type.ts';
import type { DocumentFormat, Handler } from './types.ts';

export interface Negotiated {
  readonly handler: Handler;
  readonly mediaType: MediaType;
}

/** What is answered: a relation's rows, or a function's result. */
export interface Negotiable {
  /** The relation whose handlers apply, or the function where it returns no relation. */
  readonly identity: QualifiedName;
  /** All columns were selected: only then does a handler that needs whole rows apply. */
  readonly wholeRows: boolean;
}

const ANY_ELEMENT: QualifiedName = { schema: 'pg_catalog', name: 'anyelement' };

const custom = (found: MediaHandler, rowType: QualifiedName | null): Negotiated => ({
  handler: { kind: 'custom', function: found.handler, rowType },
  mediaType: parseMediaType(found.resolvedMediaType),
});

function builtIn(type: MediaType): Negotiated | null {
  switch (type.kind) {
    case 'any':
    case 'json':
      return { handler: { kind: 'array', stripped: false }, mediaType: { kind: 'json' } };
    case 'csv':
    case 'geojson':
      return { handler: { kind: type.kind }, mediaType: type };
    case 'ndjson':
      return { handler: { kind: 'lines', format: 'json' }, mediaType: type };
    default:
      return null;
  }
}

function produce(catalog: Catalog, what: Negotiable, type: MediaType): Negotiated | null {
  const name = mediaTypeName(type);
  const handlerOf = (target: QualifiedName, media: string): MediaHandler | undefined =>
    catalog.mediaHandlers.find((item) => sameName(item.target, target) && item.mediaType === media);
  if (what.wholeRows) {
    const own = handlerOf(what.identity, '*/*') ?? handlerOf(what.identity, name);
    if (own) return custom(own, what.identity);
  }
  const general = handlerOf(ANY_ELEMENT, name);
  return general ? custom(general, null) : builtIn(type);
}

function answer(
  catalog: Catalog,
  what: Negotiable,
  type: MediaType,
  plansEnabled: boolean,
): Negotiated | null {
  switch (type.kind) {
    case 'object':
      return { handler: { kind: 'object', stripped: type.stripped }, mediaType: type };
    case 'csv lines':
      return { handler: { kind: 'lines', format: 'csv' }, mediaType: type };
    case 'stripped array':
      return { handler: { kind: 'array', stripped: true }, mediaType: type };
    case 'plan': {
      if (!plansEnabled) return null;
      const explained = answer(catalog, what, type.of, false);
      return explained && { handler: explained.handler, mediaType: type };
    }
    default:
      return produce(catalog, what, type);
  }
}

/**
 * Chooses the media type of the answer and the handler that produces it.
 * Throws PGRST107 where nothing that is accepted can be produced.
 */
export function negotiate(
  catalog: Catalog,
  what: Negotiable,
  accept: readonly MediaType[],
  plansEnabled: boolean,
): Negotiated {
  for (const type of accept) {
    const found = answer(catalog, what, type, plansEnabled);
    if (found) return found;
  }
  throw notAcceptable(accept);
}

/** Throws PGRST107 where no description of the API is accepted. `version` is for those who accept any. */
export function negotiateDocument(accept: readonly MediaType[], version: '2.0' | '3.1'): DocumentFormat {
  for (const type of accept) {
    switch (type.kind) {
      case 'openapi':
        return { version: '2.0', syntax: 'json', contentType: contentType(type) };
      case 'openapi 3': {
        const own = type.name.startsWith('application/openapi') || type.name.startsWith('application/vnd');
        const name = own ? `${type.name};version=3.1` : type.name;
        return { version: '3.1', syntax: type.syntax, contentType: `${name}; charset=utf-8` };
      }
      case 'json':
        return { version, syntax: 'json', contentType: contentType(type) };
      case 'any':
        return negotiateDocument(version === '2.0' ? [{ kind: 'openapi' }] : [{ kind: 'json' }], version);
    }
  }
  throw notAcceptable(accept);
}

/** PGRST107. */
export const notAcceptable = (accept: readonly MediaType[]): Error =>
  apiError('PGRST107', `None of these media types are available: ${accept.map(mediaTypeName).join(', ')}`);
