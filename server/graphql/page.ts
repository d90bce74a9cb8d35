/**
 * GraphiQL, for browsers that open GraphQL's path: one page with everything in it, so that nothing is fetched from
 * elsewhere. It is loaded when it is first opened.
 */
import type { Answer } from '../response/respond.ts';

const QUERY = `# Ask for what you need; Ctrl-Space tells what there is.
# Who asks is said in the headers below: {"Authorization": "Bearer ..."}
{
  __typename
}
`;

/** The page, for GraphQL at this path. */
export async function renderPage(path: string): Promise<Answer> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const html = renderGraphiQL({ title: 'GraphiQL', endpoint: path, defaultQuery: QUERY });
  return {
    status: 200,
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      // nothing that a policy or a comment says may run here
      'Content-Security-Policy':
        "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; style-src 'unsafe-inline'; img-src data:; font-src data:; connect-src 'self'; frame-ancestors 'none'",
      'X-Content-Type-Options': 'nosniff',
      'Content-Length': String(Buffer.byteLength(html)),
      Vary: 'Accept',
    },
    body: Buffer.from(html),
  };
}
