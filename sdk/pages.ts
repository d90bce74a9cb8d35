/** Pages by cursor: the server's links, followed. */
import { errorFrom, ownError, type Result } from './error.ts';
import { read, request, type State } from './request.ts';

const nextOf = (response: Response, url: string): string | null => {
  const link = /<([^>]*)>;\s*rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
  return link === undefined ? null : new URL(link, url).href;
};

/**
 * The rows of a query, page by page, in its order: each row once, whatever comes and goes meanwhile. Pages have as
 * many rows as the query's `limit` says.
 *
 * @throws AuraError
 * @example
 * for await (const rows of pages(aura.from('tasks').select('id').order('due_on').limit(100))) console.log(rows.length);
 */
export async function* pages<Row>(
  query: PromiseLike<Result<Row[]>> & { readonly state: State },
): AsyncGenerator<Row[], void, undefined> {
  const { state } = query;
  const prefer = [...state.prefer, 'pagination=cursor'].join(', ');
  let url: string | undefined;
  do {
    const { response, body } = await request(state, { prefer }, url);
    if (!response.ok) throw errorFrom(response.status, body);
    const rows = read('rows', response.status, body);
    if (!Array.isArray(rows)) throw ownError('ANSWER', 'The answer is no list of rows', response.status);
    yield rows;
    url = nextOf(response, url ?? state.connection.url + state.path) ?? undefined;
  } while (url !== undefined);
}
