/**
 * The interactive reference at /docs: a page of our own around Scalar's, all of it served from here.
 *
 * The page may load scripts from this server alone and talk to this server alone (and to where
 * `openapi-server-proxy-uri` says that the API is), so that what a comment in the database says can do no harm.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { repositoryFile } from '../host/files.ts';
import { BUILT, readBundle } from './reference/bundle.ts';

export interface ReferenceOptions {
  /** Aura's; names the files that browsers may keep. */
  readonly version: string;
  /** A key that everybody who can load the page may know, filled in; null = none. */
  readonly key: string | null;
}

/** The settings that the page depends on. */
export interface ReferenceSettings {
  readonly docsEnabled: boolean;
  readonly restPrefix: string;
  readonly openapiServerProxyUri: string | null;
}

/** Answers a GET below /docs; null = there is nothing of that name, or the page is turned off. */
export type Reference = (path: string, settings: ReferenceSettings) => Promise<Response | null>;

const JAVASCRIPT = 'text/javascript; charset=utf-8';

interface Asset {
  readonly type: string;
  readonly read: () => Promise<string | Buffer<ArrayBuffer>>;
}

const own = (name: string) => () => readFile(repositoryFile(`server/openapi/reference/${name}`));

/** The copy that the build has made, or in the repository the original. */
const scalar = (): Promise<string | Buffer<ArrayBuffer>> => {
  const built = repositoryFile(BUILT);
  return existsSync(built) ? readFile(built) : readBundle();
};

const ASSETS: Readonly<Record<string, Asset>> = {
  '/docs/page.js': { type: JAVASCRIPT, read: own('page.js') },
  '/docs/page.css': { type: 'text/css; charset=utf-8', read: own('page.css') },
  '/docs/scalar.js': { type: JAVASCRIPT, read: scalar },
};

const SAFE = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
} as const;

/** https://www.w3.org/TR/CSP3/. Styles are set on elements all over Scalar's; scripts are files of ours alone. */
function policy({ openapiServerProxyUri }: ReferenceSettings): string {
  const elsewhere = openapiServerProxyUri === null ? '' : ` ${new URL(openapiServerProxyUri).origin}`;
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    `connect-src 'self'${elsewhere}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** JSON inside of a script element, which nothing in it can end. */
const embedded = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c');

function renderPage({ version, key }: ReferenceOptions, { restPrefix }: ReferenceSettings): string {
  const query = `?v=${encodeURIComponent(version)}`;
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>API reference</title>
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="/docs/page.css${query}" />
    <script type="application/json" id="configuration">${embedded({ rest: restPrefix, key, version })}</script>
    <script defer src="/docs/scalar.js${query}"></script>
    <script defer src="/docs/page.js${query}"></script>
  </head>
  <body>
    <form id="as">
      <label for="key">Key or token</label>
      <input id="key" name="key" autocomplete="off" spellcheck="false" placeholder="none: what anybody may use" />
      <button>Describe</button>
      <span id="said" role="alert"></span>
    </form>
    <div id="reference"></div>
  </body>
</html>
`;
}

/** Makes the reference. */
export function createReference(options: ReferenceOptions): Reference {
  return async (path, settings) => {
    if (!settings.docsEnabled) return null;
    if (path === '/docs' || path === '/docs/') {
      return new Response(renderPage(options, settings), {
        headers: {
          ...SAFE,
          'Content-Type': 'text/html; charset=utf-8',
          'Content-Security-Policy': policy(settings),
          'Cache-Control': 'no-store',
        },
      });
    }
    const asset = Object.hasOwn(ASSETS, path) ? ASSETS[path] : undefined;
    if (asset === undefined) return null;
    return new Response(await asset.read(), {
      // their addresses carry the version
      headers: { ...SAFE, 'Content-Type': asset.type, 'Cache-Control': 'public, max-age=86400' },
    });
  };
}
