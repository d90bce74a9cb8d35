/** GraphQL over HTTP, typed by the document: what a generator made of it says what comes back. */
import type { SchemaClient } from './client.ts';
import { AuraError, errorFrom, ownError } from './error.ts';
import { send } from './transport.ts';
import type { AnySchema } from './types/database.ts';

/**
 * A document that knows its types: a TypedDocumentNode, or the TypedDocumentString of GraphQL Code Generator's client
 * preset. The phantom member is theirs.
 */
export interface TypedDocument<Data, Variables> {
  readonly __apiType?: (variables: Variables) => Data;
}

interface DocumentNode {
  readonly loc?: { readonly source: { readonly body: string } } | undefined;
}

export interface GraphqlError {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

/** Data may be there beside errors, as GraphQL has it; without data the error is an AuraError. */
export type GraphqlResult<Data> =
  | { readonly ok: true; readonly data: Data; readonly errors: readonly GraphqlError[]; readonly error: null }
  | {
      readonly ok: false;
      readonly data: null;
      readonly errors: readonly GraphqlError[];
      readonly error: AuraError;
    };

export interface GraphqlOptions {
  readonly operationName?: string;
  readonly signal?: AbortSignal;
  readonly timeout?: number;
  /** Where GraphQL is beside REST: `/graphql/v1`. */
  readonly path?: string;
}

const textOf = (document: unknown): string => {
  if (typeof document === 'string') return document;
  const source = (document as DocumentNode).loc?.source.body;
  if (source !== undefined) return source;
  const text = String(document);
  if (text.startsWith('[object'))
    throw new TypeError('The document has lost its text: keep `loc`, or pass a string.');
  return text;
};

/**
 * Sends a document.
 *
 * @example
 * const { data } = await graphql(aura, TasksDocument, { first: 10 });
 */
export const graphql = async <Data = unknown, Variables = Record<string, unknown>>(
  { connection }: SchemaClient<AnySchema> | Pick<SchemaClient<never>, 'connection'>,
  document: TypedDocument<Data, Variables> | string,
  variables?: Variables,
  { operationName, signal, timeout, path = '/graphql/v1' }: GraphqlOptions = {},
): Promise<GraphqlResult<Data>> => {
  try {
    const headers = await connection.headers();
    headers.set('content-type', 'application/json');
    headers.set('accept', 'application/graphql-response+json, application/json');
    const { response, body } = await send(connection, {
      url: new URL(path, connection.url).href,
      method: 'POST',
      headers,
      body: JSON.stringify({ query: textOf(document), variables, operationName }),
      signal,
      timeout,
      retries: undefined,
    });
    const answer = parse(body);
    if (answer === null) throw errorFrom(response.status, body);
    const { data = null, errors = [] } = answer;
    if (data !== null) return { ok: true, data: data as Data, errors, error: null };
    const [first] = errors;
    const error = ownError(
      String(first?.extensions?.['code'] ?? 'GRAPHQL'),
      first?.message ?? 'The answer has no data',
      response.status,
    );
    return { ok: false, data: null, errors, error };
  } catch (error) {
    if (!(error instanceof AuraError)) throw error;
    return { ok: false, data: null, errors: [], error };
  }
};

interface Answer {
  readonly data?: unknown;
  readonly errors?: readonly GraphqlError[];
}

const parse = (body: string): Answer | null => {
  try {
    const answer: Answer | string | null = JSON.parse(body);
    const isAnswer =
      typeof answer === 'object' && answer !== null && ('data' in answer || 'errors' in answer);
    return isAnswer ? answer : null;
  } catch {
    return null;
  }
};
