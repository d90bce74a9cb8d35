/**
 * Where the API is, as its documents say it: behind a proxy by `openapi-server-proxy-uri`, else by its own settings.
 */

/** The settings that tell where the API is. */
export interface AddressSettings {
  readonly openapiServerProxyUri: string | null;
  readonly restPrefix: string;
  readonly serverHost: string;
  readonly serverPort: number;
}

export interface Address {
  readonly scheme: 'http' | 'https';
  /** With its port. */
  readonly host: string;
  /** Begins with a slash, and ends with none but where it is one. */
  readonly path: string;
}

/** Every address, as PostgREST's `server-host` names them. */
const WILDCARD: ReadonlyMap<string, string> = new Map([
  ['*', '0.0.0.0'],
  ['*4', '0.0.0.0'],
  ['!4', '0.0.0.0'],
  ['*6', '0.0.0.0'],
  ['!6', '0.0.0.0'],
]);

const withoutLastSlash = (path: string): string => (path === '/' ? path : path.replace(/\/$/, ''));

/** The address for documents that need all its parts. */
export function addressOf(settings: AddressSettings): Address {
  const { openapiServerProxyUri: proxy, restPrefix, serverHost, serverPort } = settings;
  if (proxy === null) {
    const host = WILDCARD.get(serverHost) ?? (serverHost.includes(':') ? `[${serverHost}]` : serverHost);
    return { scheme: 'http', host: `${host}:${serverPort}`, path: restPrefix };
  }
  const { protocol, hostname, port, pathname } = new URL(proxy);
  const scheme = protocol === 'https:' ? 'https' : 'http';
  const ownPort = port === '' ? (scheme === 'https' ? '443' : '80') : port;
  return { scheme, host: `${hostname}:${ownPort}`, path: withoutLastSlash(pathname) };
}

/** The URL under which everything is that is not REST. */
export const rootUrlOf = ({ openapiServerProxyUri: proxy }: AddressSettings): string =>
  proxy === null ? '/' : new URL(proxy).origin;

/** The address as a URL, which without a proxy is relative: whoever has read the document knows the host. */
export const serverUrlOf = (settings: AddressSettings): string =>
  settings.openapiServerProxyUri === null
    ? settings.restPrefix
    : withoutLastSlash(settings.openapiServerProxyUri);
