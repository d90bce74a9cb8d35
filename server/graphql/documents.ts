/**
 * Trusted documents: operations that were collected when the clients were built, by their names or digests, so that
 * clients need not send them, or may send nothing else.
 */
import { readFileSync } from 'node:fs';
import { apiError } from '../errors/codes.ts';
import { StartError } from '../errors/start.ts';

/** Documents by what clients call them, and as they are. */
export interface TrustedDocuments {
  readonly byId: ReadonlyMap<string, string>;
  readonly texts: ReadonlySet<string>;
}

const NONE: TrustedDocuments = { byId: new Map(), texts: new Set() };

/**
 * Reads the documents of a file: a JSON object of texts, as relay-compiler and others write it. Throws StartError
 * for a file that is none.
 */
export function loadDocuments(path: string | null): TrustedDocuments {
  if (path === null) return NONE;
  try {
    const found: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof found !== 'object' || found === null || Array.isArray(found))
      throw new Error('it is no JSON object');
    const byId = new Map(
      Object.entries(found).map(([id, text]) => {
        if (typeof text !== 'string') throw new Error(`the document ${id} is no text`);
        return [id, text] as const;
      }),
    );
    return { byId, texts: new Set(byId.values()) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(
      `The documents of GraphQL cannot be read from ${path}: ${reason}`,
      'graphql-documents names a JSON file that has documents by their ids.',
      error,
    );
  }
}

/** What of a request names its document: `documentId`, or the digest that Apollo's clients send. */
export function documentIdOf(
  documentId: unknown,
  extensions: Readonly<Record<string, unknown>>,
): string | null {
  if (typeof documentId === 'string') return documentId;
  const persisted = extensions['persistedQuery'];
  const digest =
    typeof persisted === 'object' && persisted !== null && 'sha256Hash' in persisted
      ? persisted.sha256Hash
      : null;
  return typeof digest === 'string' ? digest : null;
}

/**
 * The document of a request. Throws ApiError AURA305 for one that nobody knows, AURA306 for one that is not trusted
 * where others are not run, AURA300 where there is none.
 */
export function documentOf(
  documents: TrustedDocuments,
  onlyTrusted: boolean,
  { query, documentId }: { readonly query: string | null; readonly documentId: string | null },
): string {
  if (documentId !== null) {
    const known = documents.byId.get(documentId);
    if (known !== undefined && (query === null || query === known)) return known;
    if (query === null) {
      // the words by which Apollo's clients know whether to send the document this time, or always
      const word = documents.byId.size === 0 ? 'PersistedQueryNotSupported' : 'PersistedQueryNotFound';
      throw apiError('AURA305', word, { hint: 'Send the document itself.' });
    }
  }
  if (query === null) {
    throw apiError('AURA300', 'The request is not a GraphQL request', {
      details: 'It has no query.',
      hint: 'Send a JSON object with query and, where needed, variables and operationName.',
    });
  }
  if (onlyTrusted && !documents.texts.has(query)) {
    throw apiError('AURA306', 'The document is not one of those that are trusted', {
      hint: 'Add it to the file of graphql-documents.',
    });
  }
  return query;
}
