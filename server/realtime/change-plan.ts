/**
 * What a client asks for of the changes of tables (`postgres_changes`), planned: which tables, under which filter,
 * which columns, and with whom it is shared. Filters are those of REST, and refused as there.
 */
import { createHash } from 'node:crypto';
import type { Catalog, Relation } from '../catalog/types.ts';
import { columnAccessOf, visibleTo } from '../catalog/visible.ts';
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import type { Question, TextRow } from '../execute/query.ts';
import type { Task } from '../execute/transaction.ts';
import type { Identity } from '../identity/role.ts';
import { displayName, nameKey, type QualifiedName } from '../names.ts';
import { type ChangedStatements, renderChanged } from '../query/changed.ts';
import { bind } from '../rest/bind.ts';
import type { RestContext, Scene } from '../rest/context.ts';
import { plannedOf, sessionFor, shapeOf } from '../rest/task.ts';
import { noCatalog } from '../rest/unforeseen.ts';
import { filterQuery } from './change-filter.ts';
import { parsePolicies } from './change-policies.ts';
import { dependenceOf } from './dependence.ts';
import type { Oid } from './log.ts';
import type { Binding } from './socket/join.ts';
import type { Ask, Table, TableHolder } from './tables.ts';

/** One table, as one caller follows it. */
export interface ChangeSpec {
  readonly table: QualifiedName;
  /** As the client wrote it; null = all rows. */
  readonly filter: string | null;
  /** Null = all columns that the caller may read. */
  readonly select: readonly string[] | null;
  readonly identity: Identity;
}

export interface ChangePlan {
  readonly spec: ChangeSpec;
  /** What it was planned under. */
  readonly under: Pick<Scene, 'catalog' | 'settings'>;
  /** Equal for those who can share one: they are told the same. */
  readonly group: string;
  readonly relation: Oid;
  /** What the client names: a partition is not its root. */
  readonly table: Oid;
  /** Of the table, for reading: another text where they are others. */
  readonly policies: string;
  /** Old rows are told as a whole, where they may be seen. */
  readonly isFull: boolean;
  /** Images lack what is computed when a row is read: rows have to be read as they are now. */
  readonly isComputed: boolean;
  /** `[{name, type}]`, the types by the names that PostgreSQL has for them inside: `int4`, `_text`. */
  readonly columns: string;
  /** The task of one of the statements, for a JSON array. */
  readonly task: (statement: keyof ChangedStatements, list: string) => Task;
}

/** Where it is known from what tables and their policies are. */
export interface ChangeSources {
  readonly tables: TableHolder;
  readonly policiesOf: (ask: Ask, table: Oid) => Promise<string>;
}

/** AURA462: what cannot be followed. */
const cannotFollow = (details: string, hint: string | null = null): Error =>
  apiError('AURA462', 'These changes cannot be followed', { details, hint });

const digest = (...parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22);

const TYPES = `select attname, typname
  from pg_catalog.pg_attribute
  join pg_catalog.pg_type on pg_type.oid = atttypid
  where attrelid = $1::oid and attnum > 0 and not attisdropped
  order by attnum`;

const typesOf = (oid: Oid): Question => ({ text: TYPES, values: [String(oid)] });

/** Those that are told: what is asked for, else what the role's grants let it read. */
function columnsOf(
  catalog: Catalog,
  { identity, select }: ChangeSpec,
  relation: Relation,
): readonly string[] {
  if (select !== null && select.length > 0) return [...new Set(select)];
  const access = columnAccessOf(catalog, identity.role);
  const readable = [...relation.columns.values()].filter((one) => access(relation, one).select);
  if (readable.length > 0) return readable.map((one) => one.name);
  throw new ApiError({
    code: '42501',
    message: `permission denied for table ${relation.name.name}`,
    status: 403,
  });
}

function renderColumns(columns: readonly string[], rows: readonly TextRow[]): string {
  const types = new Map(rows.map(([called, type]) => [called, type]));
  return JSON.stringify(columns.map((called) => ({ name: called, type: types.get(called) ?? 'unknown' })));
}

/** Plans under the catalog and the settings of the moment. Throws ApiError for what cannot be followed. */
export async function planChanges(
  context: RestContext,
  { tables, policiesOf }: ChangeSources,
  spec: ChangeSpec,
  ask: Ask,
): Promise<ChangePlan> {
  const settings = context.settings();
  const catalog = context.catalog();
  if (catalog === null) throw noCatalog();
  const { identity, table: called } = spec;
  const scene: Scene = { context, settings, catalog, identity, departure: null };
  const raw = {
    method: 'GET',
    path: `/${encodeURIComponent(called.name)}`,
    query: spec.filter === null ? '' : filterQuery(spec.filter),
    headers: { 'accept-profile': called.schema },
    body: Buffer.alloc(0),
  };
  const shape = shapeOf(scene, raw);
  const planned = plannedOf(scene, raw, shape);
  const relation = catalog.relations.get(nameKey(called.schema, called.name));
  if (planned.kind !== 'database' || planned.plan.kind !== 'read' || !relation) {
    throw cannotFollow(`${displayName(called)} is no table.`);
  }
  const { plan } = planned;
  const { root, isClaimsFree } = dependenceOf(
    catalog,
    await tables.of(catalog, ask),
    identity.role,
    plan.read,
  );
  const columns = columnsOf(catalog, spec, relation);
  const isComputed = [...relation.columns.values()].some(({ generated }) => generated === 'virtual');
  const policies = await policiesOf(ask, root.oid);
  const statements = renderChanged({
    read: plan.read,
    key: root.key,
    columns,
    policies: isComputed ? null : parsePolicies(policies),
  });
  const { config, preRequest } = settings;
  // where nobody's claims matter nobody's are told, so that none can come to matter unnoticed
  const isShared = isClaimsFree && preRequest === null;
  const seen = isShared ? { ...identity, claimsText: JSON.stringify({ role: identity.role }) } : identity;
  const session = sessionFor(
    { ...scene, identity: seen },
    { ...raw, headers: {} },
    plan,
    config.realtimeReadTimeout * 1000,
  );
  const given = { slots: shape.slots, offset: 0, fill: null };
  const values = bind(statements.present.parameters, { ...given, body: null });
  return {
    spec,
    under: { catalog, settings },
    group: digest(statements.present.text, values.map(String), session),
    relation: root.root,
    table: root.oid,
    policies,
    isFull: root.isFull,
    isComputed,
    columns: renderColumns(columns, await ask(typesOf(root.oid))),
    task: (statement, list) => ({
      session,
      role: identity.role,
      preRequest,
      statements: { main: statements[statement], estimate: null, cost: null },
      key: `${identity.role} changes ${digest(statements[statement].text)}`,
      values: bind(statements[statement].parameters, { ...given, body: list }),
      estimateValues: [],
      binary: new Set(),
      readOnly: true,
      looks: false,
    }),
  };
}

/** The plan where it still holds, else another one. Throws as `planChanges` does. */
export async function renewPlan(
  context: RestContext,
  sources: ChangeSources,
  plan: ChangePlan,
  ask: Ask,
): Promise<ChangePlan> {
  const { catalog, settings } = plan.under;
  const isCurrent = catalog === context.catalog() && settings === context.settings();
  const policies = await sources.policiesOf(ask, plan.table);
  return isCurrent && policies === plan.policies ? plan : planChanges(context, sources, plan.spec, ask);
}

const isAny = (called: string | null): boolean => called === null || called === '' || called === '*';

const isTable = ({ kind }: Relation): boolean => kind === 'table' || kind === 'partitioned table';

/** The tables that a binding names: one, or all of a schema, or of all schemas, whose changes are captured. */
export async function tablesOf(
  context: RestContext,
  { tables }: ChangeSources,
  { schema, table }: Binding,
  identity: Identity,
  ask: Ask,
): Promise<readonly QualifiedName[]> {
  const { dbSchemas } = context.settings().config;
  const catalog = context.catalog();
  if (catalog === null) throw noCatalog();
  if (table !== null && !isAny(table)) {
    return [{ schema: isAny(schema) ? (dbSchemas[0] ?? '') : (schema ?? ''), name: table }];
  }
  if (!isAny(schema) && !dbSchemas.includes(schema ?? '')) {
    throw cannotFollow(`The schema ${schema} is not exposed.`, `Exposed are: ${dbSchemas.join(', ')}`);
  }
  const { byName } = await tables.of(catalog, ask);
  const isFollowed = (found: Table | undefined): boolean => found?.isCaptured === true;
  const found = [...visibleTo(catalog, identity.role).relations.values()].filter(
    (relation) =>
      isTable(relation) &&
      (isAny(schema) || relation.name.schema === schema) &&
      isFollowed(byName.get(nameKey(relation.name.schema, relation.name.name))),
  );
  return found.map(({ name }) => name);
}
