/**
 * Extensions that a project asks for and this server lacks. Nothing stands in for them: a statement that installs
 * one, or names what only one of them provides, or names what an omitted statement would have made, is left out and
 * listed. Every other error stays an error.
 */
import type { Connection } from '../execute/connection.ts';
import { type Token, tokensOf } from './statements.ts';

export interface LeftOut {
  readonly script: string;
  readonly line: number;
  /** The extension that is missing. */
  readonly extension: string;
  readonly statement: string;
  /** Names of what the statement would have made, without their schemas. */
  readonly makes: readonly string[];
}

interface Provision {
  /** Schemas that come with the extension. */
  readonly schemas?: readonly string[];
  /** Types, functions, operator classes, access methods and languages, by their names without a schema. */
  readonly names?: RegExp;
}

/**
 * What the extensions of Supabase's image that PostgreSQL itself does not bring provide, as far as migrations name
 * it. An extension that is not listed is still recognised where a statement installs it.
 */
const PROVISIONS: Readonly<Record<string, Provision>> = {
  vector: {
    names:
      /^(?:vector|halfvec|sparsevec|hnsw|ivfflat|(?:vector|halfvec|sparsevec|bit)_\w+_ops|(?:l1|l2|cosine|hamming|jaccard)_distance|(?:negative_)?inner_product|vector_(?:dims|norm)|l2_norm(?:alize)?|binary_quantize|subvector)$/,
  },
  postgis: {
    names:
      /^(?:geometry|geography|box2d|box3d|geomval|geometry_dump|spatial_ref_sys|_?st_\w+|gi?st_\w*ops\w*|postgis_\w+)$/,
  },
  postgis_raster: { names: /^raster$/ },
  postgis_topology: { schemas: ['topology'] },
  postgis_tiger_geocoder: { schemas: ['tiger', 'tiger_data'] },
  pgrouting: { names: /^pgr_\w+$/ },
  pg_net: { schemas: ['net', 'supabase_functions'] },
  pg_cron: { schemas: ['cron'] },
  pg_graphql: { schemas: ['graphql'] },
  pgsodium: { schemas: ['pgsodium', 'pgsodium_masks'], names: /^pgsodium_\w+$/ },
  pgmq: { schemas: ['pgmq', 'pgmq_public'] },
  pgjwt: { names: /^(?:sign|verify|algorithm_sign)$/ },
  http: { names: /^(?:http|http_\w+|urlencode|text_to_bytea|bytea_to_text)$/ },
  pg_jsonschema: { names: /^(?:jsonb?_matches_schema|jsonschema_\w+)$/ },
  pgroonga: { schemas: ['pgroonga'], names: /^pgroonga\w*$/ },
  rum: { names: /^rum\w*$/ },
  pg_hashids: { names: /^(?:id_encode|id_decode|id_decode_once|hash_encode|hash_decode)$/ },
  hypopg: { names: /^hypopg\w*$/ },
  index_advisor: { names: /^index_advisor$/ },
  plv8: { names: /^plv8$/ },
  pllua: { names: /^pllua$/ },
  plpgsql_check: { names: /^plpgsql_check\w*$/ },
  timescaledb: {
    schemas: ['timescaledb_information'],
    names: /^(?:create_hypertable|time_bucket\w*|(?:add|remove)_\w+_policy)$/,
  },
  wrappers: { names: /^(?:wasm|stripe|firebase|s3|bigquery|airtable|clickhouse|redis|mssql)_fdw_\w+$/ },
  pg_partman: { schemas: ['partman'] },
  pg_repack: { schemas: ['repack'] },
  pg_tle: { schemas: ['pgtle'] },
  'supabase-dbdev': { schemas: ['dbdev'] },
};

/** Interfaces of extensions that sql/supabase makes in its own way. */
const PROVIDED: ReadonlySet<string> = new Set(['supabase_vault']);

/** The SQLSTATEs of a name that means nothing: column, function, table, schema, anything else. */
const UNDEFINED: ReadonlySet<string> = new Set(['42703', '42883', '42P01', '3F000', '42704']);

/** The name of the extension that a statement makes, changes, drops or comments on; null for any other. */
export const extensionOf = (text: string): string | null => {
  const tokens = [...tokensOf(text)];
  const at = tokens.findIndex(({ kind, value }) => kind === 'word' && value === 'extension');
  const head = tokens.slice(0, at).map(({ value }) => value);
  if (!/^(?:create|alter|drop|comment on)$/.test(head.join(' '))) return null;
  const rest = tokens.slice(at + 1);
  const isOptional = rest[0]?.kind === 'word' && rest[0].value === 'if';
  const afterIf = isOptional ? rest.slice(rest[1]?.value === 'not' ? 3 : 2) : rest;
  return afterIf[0]?.value ?? null;
};

const KINDS: ReadonlySet<string> = new Set([
  ...['table', 'view', 'function', 'procedure', 'aggregate', 'type', 'domain', 'schema', 'sequence'],
  ...['index', 'trigger', 'policy', 'publication', 'server', 'role', 'user'],
]);
const MODIFIERS: ReadonlySet<string> = new Set([
  ...['or', 'replace', 'global', 'local', 'temp', 'temporary', 'unlogged', 'materialized', 'unique'],
  ...['recursive', 'constraint', 'event', 'foreign'],
]);
const BESIDE_NAMES: ReadonlySet<string> = new Set(['if', 'not', 'exists', 'only', 'concurrently', 'column']);

/** The last part of a possibly qualified name that begins here. */
const nameAt = (tokens: readonly Token[], from: number): string | null => {
  let at = from;
  while (tokens[at]?.kind === 'word' && BESIDE_NAMES.has(tokens[at]?.value ?? '')) at += 1;
  while (tokens[at + 1]?.value === '.' && tokens[at + 2] !== undefined) at += 2;
  const token = tokens[at];
  if (token === undefined || token.kind === 'symbol' || token.kind === 'literal') return null;
  return token.kind === 'word' && token.value === 'on' ? null : token.value;
};

/** The names of what a statement would make, or of what it would add to a table. */
export const madeBy = (text: string): readonly string[] => {
  const tokens = [...tokensOf(text)];
  const first = tokens[0]?.value;
  if (first === 'create') {
    let at = 1;
    while (MODIFIERS.has(tokens[at]?.value ?? '')) at += 1;
    const name = KINDS.has(tokens[at]?.value ?? '') ? nameAt(tokens, at + 1) : null;
    return name === null ? [] : [name];
  }
  if (first !== 'alter' || tokens[1]?.value !== 'table') return [];
  return tokens.flatMap(({ kind, value }, at) => {
    if (kind !== 'word' || value !== 'add') return [];
    const name = nameAt(tokens, tokens[at + 1]?.value === 'constraint' ? at + 2 : at + 1);
    return name === null ? [] : [name];
  });
};

const NAMED =
  /(?:function|procedure|aggregate|column|type|relation|schema|language|access method) ([^\s("]+)/g;

/** The names that an error of PostgreSQL complains of, qualified or not; of a function also its argument types. */
const namesIn = (message: string): readonly string[] => {
  const found = [...message.matchAll(/"([^"]+)"/g), ...message.matchAll(NAMED)].map(([, name = '']) => name);
  const types = /\(([^)]*)\)/.exec(message)?.[1]?.split(/,\s*/) ?? [];
  return [...found, ...types];
};

export interface Lacking {
  /** Whether the server can install it. */
  isAvailable(extension: string): boolean;
  /** Whether something of Aura's stands where the extension would. */
  isProvided(extension: string): boolean;
  /** The extension for want of which a statement failed with this error; null if it has another reason. */
  reasonFor(code: string, message: string): string | null;
  /** Remembers what a statement that was left out would have made. */
  note(leftOut: LeftOut): void;
}

/**
 * What this server lacks, given what was left out of this database before.
 */
export const loadLacking = async (
  connection: Pick<Connection, 'query'>,
  before: readonly LeftOut[],
): Promise<Lacking> => {
  const rows = await connection.query('select name from pg_available_extensions');
  const available = new Set(rows.map((row) => String(row['name'])));
  const missing = Object.entries(PROVISIONS).filter(([name]) => !available.has(name));
  const absent = new Map<string, string>();
  const omitted = new Set<string>();
  const note = ({ extension, makes }: LeftOut): void => {
    omitted.add(extension);
    for (const name of makes) absent.set(name, extension);
  };
  before.forEach(note);

  const providerOf = (qualified: string): string | null => {
    const [name = '', schema = ''] = qualified.replaceAll('"', '').split('.').reverse();
    for (const [extension, { schemas = [], names }] of missing) {
      if (schemas.includes(schema) || schemas.includes(name) || names?.test(name) === true) return extension;
    }
    for (const candidate of [name, schema]) {
      const extension = absent.get(candidate);
      if (extension !== undefined) return extension;
    }
    for (const extension of omitted) {
      if (name === extension || name.startsWith(`${extension}_`)) return extension;
    }
    // names that PostgreSQL derives: documents_pkey, documents_id_seq
    const owner = [...absent.keys()].find(
      (table) => name.startsWith(`${table}_`) && /_(?:pkey|seq|key|fkey|check|idx)$/.test(name),
    );
    return owner === undefined ? null : (absent.get(owner) ?? null);
  };

  return {
    isAvailable: (extension) => available.has(extension),
    isProvided: (extension) => PROVIDED.has(extension) && !available.has(extension),
    reasonFor: (code, message) => {
      if (!UNDEFINED.has(code)) return null;
      for (const name of namesIn(message)) {
        const extension = providerOf(name);
        if (extension !== null) return extension;
      }
      return null;
    },
    note,
  };
};

const MOST_LINES = 6;

/** `a.sql, lines 2, 5 and 9; b.sql, line 1` */
const describePlaces = (all: readonly LeftOut[]): string =>
  [...new Set(all.map(({ script }) => script))]
    .map((script) => {
      const lines = all.filter((one) => one.script === script).map(({ line }) => String(line));
      if (lines.length === 1) return `${script}, line ${lines[0]}`;
      const isLong = lines.length > MOST_LINES;
      const shown = isLong ? lines.slice(0, MOST_LINES - 1) : lines.slice(0, -1);
      const last = isLong ? `${lines.length - shown.length} more` : lines.at(-1);
      return `${script}, lines ${shown.join(', ')} and ${last}`;
    })
    .join('; ');

/** What was left out, in a sentence for each extension. */
export const describeLeftOut = (
  all: readonly LeftOut[],
  isAvailable: (extension: string) => boolean,
): string[] =>
  [...new Set(all.map(({ extension }) => extension))].map((extension) => {
    const places = describePlaces(all.filter((one) => one.extension === extension));
    return isAvailable(extension)
      ? `The extension ${extension} is there now; what was left out when it was not is still missing (${places}). Start with an empty database to have it run.`
      : `This PostgreSQL has no extension ${extension}; what needs it was left out: ${places}.`;
  });
