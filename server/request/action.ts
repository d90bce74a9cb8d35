/** Method and path → what is to be done with which relation or routine of which schema. */
import { apiError } from '../errors/codes.ts';
import type { Action } from './ast.ts';
import { decodePercent } from './percent.ts';
import { header, type RawRequest, type RequestOptions, refuseNul } from './raw.ts';

/** The common case, which needs no taking apart. */
const PLAIN_RELATION = /^\/\w+$/;

function resourceOf(
  path: string,
  options: RequestOptions,
): { kind: 'root' | 'relation' | 'routine'; name: string } {
  if (PLAIN_RELATION.test(path)) return { kind: 'relation', name: path.slice(1) };
  const segments = path.split('/').filter((segment, index, all) => segment !== '' || index < all.length - 1);
  const names = (segments[0] === '' ? segments.slice(1) : segments).map((segment) => {
    const name = decodePercent(segment);
    refuseNul(name);
    return name;
  });
  const [first, second] = names;
  if (first === undefined) {
    if (options.openapiMode === 'disabled') throw apiError('PGRST126', 'Root endpoint metadata is disabled');
    return options.dbRootSpec === null
      ? { kind: 'root', name: '' }
      : { kind: 'routine', name: options.dbRootSpec };
  }
  if (names.length === 1) return { kind: 'relation', name: first };
  if (names.length === 2 && first === 'rpc' && second !== undefined) return { kind: 'routine', name: second };
  throw apiError('PGRST125', 'Invalid path specified in request URL');
}

const MUTATIONS = { POST: 'insert', PATCH: 'update', PUT: 'upsert', DELETE: 'delete' } as const;

export function actionOf(method: string, path: string, options: RequestOptions): Action {
  const { kind, name } = resourceOf(path, options);
  if (kind === 'routine') {
    if (method === 'GET' || method === 'HEAD' || method === 'POST')
      return { kind: 'call', routine: name, method };
    if (method === 'OPTIONS') return { kind: 'describe routine', routine: name };
    throw apiError('PGRST101', `Cannot use the ${method} method on RPC`);
  }
  if (method === 'GET' || method === 'HEAD') {
    const head = method === 'HEAD';
    return kind === 'root' ? { kind: 'root', head } : { kind: 'read', relation: name, head };
  }
  if (method === 'OPTIONS') {
    return kind === 'root' ? { kind: 'describe root' } : { kind: 'describe relation', relation: name };
  }
  if (kind === 'relation' && Object.hasOwn(MUTATIONS, method)) {
    return { kind: 'mutate', relation: name, mutation: MUTATIONS[method as keyof typeof MUTATIONS] };
  }
  throw apiError('PGRST117', `Unsupported HTTP method: ${method}`);
}

export function schemaOf(raw: RawRequest, options: RequestOptions): { schema: string; profiled: boolean } {
  const writes = Object.hasOwn(MUTATIONS, raw.method);
  const wanted = header(raw, writes ? 'content-profile' : 'accept-profile');
  if (wanted === undefined) {
    return { schema: options.dbSchemas[0] ?? 'public', profiled: options.dbSchemas.length !== 1 };
  }
  if (!options.dbSchemas.includes(wanted)) {
    throw apiError('PGRST106', `Invalid schema: ${wanted}`, {
      hint: `Only the following schemas are exposed: ${options.dbSchemas.join(', ')}`,
    });
  }
  return { schema: wanted, profiled: true };
}
