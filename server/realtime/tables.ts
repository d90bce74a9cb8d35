/**
 * What is known of the tables that can be followed: whether their changes are captured, their keys, and on what their
 * policies depend. Loaded when somebody first follows anything, and kept as long as the catalog.
 */
import { readFile } from 'node:fs/promises';
import type { Catalog } from '../catalog/types.ts';
import { apiError } from '../errors/codes.ts';
import type { Question, TextRow } from '../execute/query.ts';
import { repositoryFile } from '../host/files.ts';
import { nameKey } from '../names.ts';
import type { Oid } from './log.ts';

/** A table, or a partition of one. */
export interface Table {
  readonly oid: Oid;
  /** What the log calls it: of a partition the table that it is part of, at the top. */
  readonly root: Oid;
  readonly schema: string;
  readonly name: string;
  readonly isCaptured: boolean;
  /** REPLICA IDENTITY is FULL. */
  readonly isFull: boolean;
  /** In the order of the key; types as PostgreSQL prints them, with their schemas. Empty = not captured. */
  readonly key: readonly KeyColumn[];
  /** Row-Level Security is enabled. */
  readonly isSecured: boolean;
  /** All its columns are of built-in types and enums, whose text depends on nobody's code. */
  readonly isPlain: boolean;
}

export interface KeyColumn {
  readonly name: string;
  readonly type: string;
}

/** A policy for reading, as far as it decides when rows have to be read anew. */
export interface ReadPolicy {
  readonly table: Oid;
  /** `PUBLIC` = everyone. */
  readonly roles: readonly string[];
  /** Its condition cannot depend on who asks: it compares with immutable built-in functions, and looks nowhere else. */
  readonly isClaimsFree: boolean;
  /** What its condition looks at is not all known: it calls functions, tells the time, reads views. */
  readonly isOpaque: boolean;
  /** Relations that its condition reads. */
  readonly relations: readonly Oid[];
  /** Another one where the policy is another one. */
  readonly digest: string;
}

/** All of it. */
export interface Tables {
  /** Names the database: positions in one mean nothing in another. */
  readonly database: string;
  readonly byName: ReadonlyMap<string, Table>;
  readonly byOid: ReadonlyMap<Oid, Table>;
  readonly policiesOf: ReadonlyMap<Oid, readonly ReadPolicy[]>;
}

/** Asks as the login role; gives the rows of the last question. */
export type Ask = (...questions: readonly Question[]) => Promise<readonly TextRow[]>;

/** Knows the tables, by catalog. */
export interface TableHolder {
  /** Rejects with ApiError AURA402 where the capture of changes is not installed, or not for this login. */
  readonly of: (catalog: Catalog, ask: Ask) => Promise<Tables>;
  /**
   * Loads anew, once for all who ask at one moment (any object that stands for it): what is captured may have changed
   * without the catalog.
   */
  readonly refresh: (catalog: Catalog, ask: Ask, moment: object) => Promise<Tables>;
}

interface Document {
  readonly database: string;
  readonly readable: boolean;
  readonly installed: boolean;
  readonly tables: readonly Table[];
  readonly policies: readonly ReadPolicy[];
}

function build({ database, readable, installed, tables, policies }: Document): Tables {
  if (!readable) {
    throw apiError('AURA402', 'Changes cannot be followed in this database', {
      details: installed
        ? 'The login of the server may not read the log of changes, or the log is of an older version.'
        : 'The capture of changes is not installed.',
      hint: 'Have sql/realtime/capture.sql and sql/realtime/grants.sql run by someone who may.',
    });
  }
  const policiesOf = new Map<Oid, ReadPolicy[]>();
  for (const policy of policies) {
    const those = policiesOf.get(policy.table);
    if (those) those.push(policy);
    else policiesOf.set(policy.table, [policy]);
  }
  return {
    database,
    byName: new Map(tables.map((table) => [nameKey(table.schema, table.name), table])),
    byOid: new Map(tables.map((table) => [table.oid, table])),
    policiesOf,
  };
}

/** Asks the database, once for each catalog. */
export function createTableHolder(): TableHolder {
  const known = new WeakMap<Catalog, Promise<Tables>>();
  const refreshed = new WeakSet<object>();
  const load = async (ask: Ask): Promise<Tables> => {
    const text = await readFile(repositoryFile('sql/statements/realtime/tables.sql'), 'utf8');
    // its estimated cost invites to compile it, which takes longer than to run it
    const settings = {
      text: "select set_config('search_path', 'pg_catalog, pg_temp', true), set_config('jit', 'off', true)",
    };
    const rows = await ask(settings, { text });
    return build(JSON.parse(rows[0]?.[0] ?? 'null'));
  };
  const renew = (catalog: Catalog, ask: Ask): Promise<Tables> => {
    const loading = load(ask);
    known.set(catalog, loading);
    // who asks next shall not get the failure of this time
    loading.catch(() => known.get(catalog) === loading && known.delete(catalog));
    return loading;
  };
  const of: TableHolder['of'] = (catalog, ask) => known.get(catalog) ?? renew(catalog, ask);
  return {
    of,
    refresh: (catalog, ask, moment) => {
      if (refreshed.has(moment)) return of(catalog, ask);
      refreshed.add(moment);
      return renew(catalog, ask);
    },
  };
}
