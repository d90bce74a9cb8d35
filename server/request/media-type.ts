/**
 * Media types: what clients accept and send, and what responses say. The vendored types are PostgREST's.
 */
import type { MediaType, PlanOption } from './ast.ts';

type Parameterless = Exclude<MediaType, { kind: 'other' | 'object' | 'plan' | 'csv lines' | 'openapi 3' }>;

const KNOWN: Readonly<Record<string, Parameterless['kind']>> = {
  'application/json': 'json',
  'application/geo+json': 'geojson',
  'text/csv': 'csv',
  'text/plain': 'text',
  'text/xml': 'xml',
  'application/openapi+json': 'openapi',
  'application/x-www-form-urlencoded': 'form',
  'application/octet-stream': 'bytes',
  'application/x-ndjson': 'ndjson',
  'text/event-stream': 'event stream',
  '*/*': 'any',
};

const NAMES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(KNOWN).map(([name, kind]) => [kind, name])),
  'stripped array': 'application/vnd.pgrst.array+json;nulls=stripped',
  'csv lines': 'text/csv',
};

/**
 * Names of OpenAPI 3.1: its media types, which are not all registered yet
 * (https://datatracker.ietf.org/doc/draft-ietf-httpapi-rest-api-mediatypes), and what tools ask for besides.
 */
const OPENAPI_3: Readonly<Record<string, 'json' | 'yaml'>> = {
  'application/vnd.oai.openapi+json': 'json',
  'application/vnd.oai.openapi': 'yaml',
  'application/openapi+yaml': 'yaml',
  'application/yaml': 'yaml',
  'application/x-yaml': 'yaml',
  'text/yaml': 'yaml',
};

const PLAN_OPTIONS: readonly PlanOption[] = ['analyze', 'verbose', 'settings', 'buffers', 'wal'];

const TYPE = /^([\p{L}\p{N}.*]+)\/([\p{L}\p{N}.*+-]+)/u;
const PARAMETER = /\s*;\s*([\p{L}\p{N}-]+)\s*=\s*(?:"([^"]*)"|([\p{L}\p{N}|.-]+))/uy;

function parametersOf(text: string, from: number): Map<string, string> {
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = from;
  for (let found = PARAMETER.exec(text); found; found = PARAMETER.exec(text)) {
    parameters.set((found[1] ?? '').toLowerCase(), found[2] ?? found[3] ?? '');
  }
  return parameters;
}

/** Reads one media type with its parameters; what is unknown is kept as it is written. */
export function parseMediaType(text: string): MediaType {
  const match = TYPE.exec(text);
  if (!match) return { kind: 'other', name: text };
  const name = match[0].toLowerCase();
  const known = KNOWN[name];
  if (known === 'csv' && parametersOf(text, match[0].length).get('stream') === 'true') {
    return { kind: 'csv lines' };
  }
  // without a version it is PostgREST's, which is 2.0
  if (known === 'openapi' && parametersOf(text, match[0].length).get('version')?.startsWith('3') === true) {
    return { kind: 'openapi 3', syntax: 'json', name };
  }
  if (known) return { kind: known } as MediaType;
  const syntax = OPENAPI_3[name];
  if (syntax !== undefined) return { kind: 'openapi 3', syntax, name };
  const parameters = parametersOf(text, match[0].length);
  const stripped = parameters.get('nulls') === 'stripped';
  switch (name) {
    case 'application/vnd.pgrst.object':
    case 'application/vnd.pgrst.object+json':
      return { kind: 'object', stripped };
    case 'application/vnd.pgrst.array':
    case 'application/vnd.pgrst.array+json':
      return stripped ? { kind: 'stripped array' } : { kind: 'json' };
    case 'application/vnd.pgrst.plan':
    case 'application/vnd.pgrst.plan+text':
    case 'application/vnd.pgrst.plan+json': {
      const asked = (parameters.get('options') ?? '').split('|');
      return {
        kind: 'plan',
        format: name.endsWith('+json') ? 'json' : 'text',
        of: parseMediaType(parameters.get('for') ?? 'application/json'),
        options: PLAN_OPTIONS.filter((option) => asked.includes(option)),
      };
    }
    default:
      return { kind: 'other', name: text };
  }
}

/** Accept's media types, best first: by quality, then by how specific they are, then as written. */
export function parseAccept(header: string | undefined): MediaType[] {
  if (header === undefined) return [{ kind: 'any' }];
  return header
    .split(',')
    .map((item) => {
      const [type = '', ...rest] = item.replaceAll(' ', '').split(';q=');
      const quality = Number.parseFloat(rest[0] ?? '');
      const specificity = type.split(';').length - type.split('*').length;
      return { type, quality: Number.isNaN(quality) ? 1 : quality, specificity };
    })
    .sort((a, b) => b.quality - a.quality || b.specificity - a.specificity)
    .map(({ type }) => parseMediaType(type));
}

/** The name without charset, as messages and handlers know it. */
export function mediaTypeName(type: MediaType): string {
  switch (type.kind) {
    case 'other':
    case 'openapi 3':
      return type.name;
    case 'object':
      return `application/vnd.pgrst.object+json${type.stripped ? ';nulls=stripped' : ''}`;
    case 'plan': {
      const options = type.options.length > 0 ? `; options=${type.options.join('|')}` : '';
      return `application/vnd.pgrst.plan+${type.format}; for="${mediaTypeName(type.of)}"${options}`;
    }
    default:
      return NAMES[type.kind] ?? type.kind;
  }
}

/** The Content-Type header of a response. */
export const contentType = (type: MediaType): string =>
  type.kind === 'bytes' || type.kind === 'other'
    ? mediaTypeName(type)
    : `${mediaTypeName(type)}; charset=utf-8`;
