/**
 * Makes the Catalog from what PostgreSQL answered: resolves oids and positions to names, gives views the keys of
 * their base tables, links relations, and freezes all of it. Pure: the same rows give the same catalog.
 */
import { nameKey } from '../names.ts';
import { deepFreeze } from './freeze.ts';
import { createGrantReader, type GrantReader } from './grants.ts';
import { buildLineage, createNullJudge, type Lineage } from './lineage.ts';
import { append, groupBy } from './multimap.ts';
import type {
  RawCatalog,
  RawCheck,
  RawColumn,
  RawId,
  RawMediaHandler,
  RawPolicy,
  RawRelation,
} from './raw.ts';
import { buildRelationships, type LinkedRelation } from './relationships.ts';
import { buildRoutine, compareOverloads } from './routines.ts';
import {
  type Catalog,
  type Column,
  type ComputedColumn,
  type MediaHandler,
  type NamedType,
  type Policy,
  type Relation,
  type RelationKind,
  type Routine,
  representationKey,
} from './types.ts';

const KINDS: Readonly<Record<RawRelation['kind'], RelationKind>> = {
  r: 'table',
  p: 'partitioned table',
  v: 'view',
  m: 'materialized view',
  f: 'foreign table',
};
const COMMANDS = { '*': 'all', r: 'select', a: 'insert', w: 'update', d: 'delete' } as const;
const GENERATED = { s: 'stored', v: 'virtual' } as const;
const IDENTITIES = { a: 'always', d: 'by default' } as const;

/** The parts of the configuration that linking depends on: `db-schemas` and `db-extra-search-path`. */
export interface BuildOptions {
  readonly schemas: readonly string[];
  readonly extraSearchPath: readonly string[];
}

/** Links the raw rows and freezes the result. */
export const buildCatalog = (raw: RawCatalog, options: BuildOptions): Catalog => {
  const readGrants = createGrantReader();
  const lineage = buildLineage(raw.view_columns);
  const relations = buildRelations(raw, options, lineage, readGrants);
  const linked = new Map<RawId, LinkedRelation>();
  for (const [id, relation] of relations) linked.set(id, linkedRelation(relation));
  return deepFreeze({
    serverVersion: raw.server_version,
    schemas: [...options.schemas],
    relations: new Map([...relations.values()].map((r) => [nameKey(r.name.schema, r.name.name), r])),
    relationships: buildRelationships({
      relations: linked,
      keys: raw.keys,
      foreignKeys: raw.foreign_keys,
      lineage,
      rowFunctions: raw.row_functions,
      schemas: options.schemas,
      readGrants,
    }),
    routines: buildRoutines(raw, readGrants),
    representations: new Map(
      raw.representations.map(({ source, target, function: fn }) => [
        representationKey(source, target),
        { sourceType: source, targetType: target, function: fn },
      ]),
    ),
    mediaHandlers: raw.media_handlers.map(buildMediaHandler),
    roles: buildRoles(raw),
    enums: new Map(raw.enums.map((e) => [nameKey(e.schema, e.name), e.labels])),
    types: buildTypes(raw, readGrants),
    publications: new Map(
      raw.publications.map((publication) => {
        const tables = publication.tables.flatMap((id) => relations.get(id)?.name ?? []);
        return [publication.name, { name: publication.name, tables }];
      }),
    ),
    schemaComments: buildSchemaComments(raw, options),
    schemaGrants: new Map(raw.schemas.map((s) => [s.name, readGrants(s.acl)])),
  });
};

const linkedRelation = (relation: Relation): LinkedRelation => ({
  name: relation.name,
  isView: isView(relation.kind),
  primaryKey: relation.primaryKey,
  columnNames: columnNames(relation.columns.values()),
});

const isView = (kind: RelationKind): boolean => kind === 'view' || kind === 'materialized view';

const columnNames = (columns: Iterable<{ position: number; name: string }>): ReadonlyMap<number, string> =>
  new Map(Array.from(columns, (column) => [column.position, column.name]));

const buildRelations = (
  raw: RawCatalog,
  options: BuildOptions,
  lineage: Lineage,
  readGrants: GrantReader,
): ReadonlyMap<RawId, Relation> => {
  const columnsOf = groupBy(raw.columns, (column) => column.relation);
  const policiesOf = groupBy(raw.policies, (policy) => policy.relation);
  const isProven = createNullJudge(raw.view_columns);
  const checksOf = groupBy(raw.checks, (check) => check.relation);
  const labels = new Map(raw.enums.map((e) => [e.id, e.labels]));
  const keysOf = buildKeys(raw, lineage);
  const indexesOf = groupBy(raw.unique_indexes, (index) => index.relation);
  const computedOf = buildComputedColumns(raw, options, readGrants);
  const relations = new Map<RawId, Relation>();
  for (const row of raw.relations) {
    const rawColumns = columnsOf.get(row.id) ?? [];
    const names = columnNames(rawColumns);
    const nameColumns = (positions: readonly number[]) => positions.flatMap((p) => names.get(p) ?? []);
    const columns = new Map<string, Column>();
    const checks = groupBy(checksOf.get(row.id) ?? [], ({ position }) => position);
    for (const column of rawColumns) {
      const neverNull = isView(KINDS[row.kind]) ? isProven(row.id, column.position) : column.never_null;
      const own = checks.get(column.position) ?? [];
      columns.set(column.name, buildColumn(column, neverNull, labels, own, readGrants));
    }
    const computed = [...(computedOf.get(row.id) ?? [])].filter(([name]) => !columns.has(name));
    const keys = keysOf.get(row.id);
    relations.set(row.id, {
      name: { schema: row.schema, name: row.name },
      kind: KINDS[row.kind],
      comment: row.comment,
      owner: row.owner,
      rowSecurity: { enabled: row.row_security, forced: row.row_security_forced },
      securityInvoker: row.security_invoker,
      insertable: (row.writes & 8) !== 0,
      updatable: (row.writes & 4) !== 0,
      deletable: (row.writes & 16) !== 0,
      fillsRows: row.fills_rows,
      primaryKey: nameColumns([...(keys?.primary ?? [])]).sort(),
      ownKey: nameColumns(keys?.own ?? []),
      uniqueIndexes: (indexesOf.get(row.id) ?? []).map((index) => nameColumns(index.columns)),
      uniqueKeys: keys?.unique.map(nameColumns) ?? [],
      columns,
      computedColumns: new Map(computed),
      grants: readGrants(row.acl),
      policies: (policiesOf.get(row.id) ?? []).map(buildPolicy),
    });
  }
  return relations;
};

interface Keys {
  /** The relation's own primary key, in its order. */
  own: readonly number[];
  readonly primary: Set<number>;
  readonly unique: (readonly number[])[];
}

/**
 * Keys by relation, as column positions. A view has the primary key of each table that it shows it of whole, by the
 * first column where it shows one twice.
 */
const buildKeys = (raw: RawCatalog, lineage: Lineage): ReadonlyMap<RawId, Keys> => {
  const keysOf = new Map<RawId, Keys>();
  const keysFor = (id: RawId): Keys => {
    const keys = keysOf.get(id) ?? { own: [], primary: new Set(), unique: [] };
    keysOf.set(id, keys);
    return keys;
  };
  for (const key of raw.keys) {
    if (!key.is_primary) {
      keysFor(key.relation).unique.push(key.columns);
      continue;
    }
    keysFor(key.relation).own = key.columns;
    for (const position of key.columns) keysFor(key.relation).primary.add(position);
    for (const [view, shown] of lineage.get(key.relation) ?? []) {
      const first = key.columns.flatMap((column) => shown.get(column)?.[0] ?? []);
      if (first.length !== key.columns.length) continue;
      for (const position of first) keysFor(view).primary.add(position);
    }
  }
  return keysOf;
};

const buildColumn = (
  raw: RawColumn,
  neverNull: boolean,
  labels: ReadonlyMap<RawId, readonly string[]>,
  checks: readonly RawCheck[],
  readGrants: GrantReader,
): Column => ({
  name: raw.name,
  position: raw.position,
  comment: raw.comment,
  nullable: raw.nullable,
  neverNull,
  type: raw.type,
  declaredType: raw.declared_type,
  maxLength: raw.max_length,
  default: raw.default,
  generated: raw.generated === null ? null : GENERATED[raw.generated],
  identity: raw.identity === null ? null : IDENTITIES[raw.identity],
  enumLabels: (raw.enum === null ? undefined : labels.get(raw.enum)) ?? [],
  checks: checks.map(({ expression }) => expression),
  grants: readGrants(raw.acl),
});

/** By relation and name. Of two functions of one name the search path decides: the relation's schema comes first. */
const buildComputedColumns = (
  raw: RawCatalog,
  options: BuildOptions,
  readGrants: GrantReader,
): ReadonlyMap<RawId, ReadonlyMap<string, ComputedColumn>> => {
  const schemaOf = new Map(raw.relations.map((relation) => [relation.id, relation.schema]));
  const byRelation = new Map<RawId, Map<string, ComputedColumn>>();
  for (const fn of raw.row_functions) {
    const own = schemaOf.get(fn.source);
    if (own === undefined || fn.returns_set) continue;
    const path = [own, ...options.extraSearchPath];
    if (!path.includes(fn.schema)) continue;
    const columns = byRelation.get(fn.source) ?? new Map<string, ComputedColumn>();
    byRelation.set(fn.source, columns);
    const rival = columns.get(fn.name)?.routine.schema;
    if (rival !== undefined && path.indexOf(rival) < path.indexOf(fn.schema)) continue;
    columns.set(fn.name, {
      name: fn.name,
      routine: { schema: fn.schema, name: fn.name },
      type: fn.type,
      comment: fn.comment,
      grants: readGrants(fn.acl),
    });
  }
  return byRelation;
};

const buildPolicy = (raw: RawPolicy): Policy => ({
  name: raw.name,
  command: COMMANDS[raw.command],
  permissive: raw.permissive,
  roles: raw.roles,
  using: raw.using,
  check: raw.check,
});

const buildRoutines = (raw: RawCatalog, readGrants: GrantReader): Map<string, readonly Routine[]> => {
  const byName = new Map<string, Routine[]>();
  for (const row of raw.routines) {
    const routine = buildRoutine(row, readGrants);
    if (routine !== null) append(byName, nameKey(row.schema, row.name), routine);
  }
  for (const overloads of byName.values()) overloads.sort(compareOverloads);
  return byName;
};

const buildTypes = (raw: RawCatalog, readGrants: GrantReader): Map<string, NamedType> => {
  const types = new Map<string, NamedType>();
  for (const { type, schema, name, comment, labels, acl } of raw.enums) {
    types.set(type, { kind: 'enum', schema, name, grants: readGrants(acl), comment, labels });
  }
  for (const { name, schema, comment, base, not_null, checks, attributes } of raw.types) {
    const named: NamedType =
      base === null
        ? { kind: 'composite', schema, comment, attributes }
        : { kind: 'domain', schema, comment, base, notNull: not_null, checks };
    types.set(name, named);
  }
  return types;
};

const buildMediaHandler = (raw: RawMediaHandler): MediaHandler => ({
  handler: { schema: raw.handler_schema, name: raw.handler_name },
  target: { schema: raw.target_schema, name: raw.target_name },
  mediaType: raw.media_type.toLowerCase(),
  resolvedMediaType: raw.media_type === '*/*' ? 'application/octet-stream' : raw.media_type,
});

const buildSchemaComments = (raw: RawCatalog, options: BuildOptions): Catalog['schemaComments'] =>
  new Map(
    raw.schemas.flatMap(({ name, comment }) =>
      comment === null || !options.schemas.includes(name) ? [] : [[name, comment] as const],
    ),
  );

const buildRoles = (raw: RawCatalog): Catalog['roles'] =>
  new Map(
    raw.roles.map((role) => [
      role.name,
      {
        name: role.name,
        superuser: role.superuser,
        bypassRls: role.bypass_rls,
        inherit: role.inherit,
        canLogin: role.can_login,
        memberOf: role.member_of,
        inheritsFrom: role.inherits_from,
      },
    ]),
  );
