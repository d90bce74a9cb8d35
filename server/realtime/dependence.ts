/**
 * On what the rows of a read depend: the tables whose changes can change them, and whether it matters who asks.
 */
import type { Catalog, Relation } from '../catalog/types.ts';
import { apiError } from '../errors/codes.ts';
import { displayName, nameKey, type QualifiedName } from '../names.ts';
import type { PlannedField, PlannedLogic, ReadPlan } from '../plan/types.ts';
import type { Oid } from './log.ts';
import type { ReadPolicy, Table, Tables } from './tables.ts';

/** On what a read depends. */
export interface Dependence {
  readonly root: Table;
  /** What is followed, by the roots of partitions, the table's own among them. */
  readonly relations: ReadonlySet<Oid>;
  /** The table's own rows decide over others of its rows: it is embedded in itself, or a policy reads it. */
  readonly isSelfDependent: boolean;
  /** All with these claims see the same: it does not matter which they are. */
  readonly isClaimsFree: boolean;
  /** Rows may come and go without a change that is followed. */
  readonly isOpaque: boolean;
  /** Another one where other policies decide. */
  readonly policies: string;
}

/** AURA400: a read that cannot be followed. */
export const cannotFollow = (details: string, hint: string | null = null): Error =>
  apiError('AURA400', 'This cannot be followed as a live query', { details, hint });

/** AURA401. */
function notCaptured(name: QualifiedName): Error {
  return apiError('AURA401', `Changes of ${displayName(name)} are not captured`, {
    details: 'Only tables are captured that are in the publication aura or supabase_realtime and have a key.',
    hint: `alter publication aura add table ${displayName(name)};`,
  });
}

interface Names {
  readonly relations: QualifiedName[];
  /** Something is computed by a function. */
  computes: boolean;
  /** Something is cast to a type that a request names, whose checks and casts may be anybody's functions. */
  casts: boolean;
}

function collectLogic(logic: PlannedLogic, relation: Relation | undefined, names: Names): void {
  if (logic.kind === 'filter') noteField(logic.field, relation, names);
  else if (logic.kind === 'logic') for (const child of logic.children) collectLogic(child, relation, names);
  else if (logic.kind === 'related') {
    names.relations.push(logic.relation);
    // its columns are of another relation: functions in them are taken for granted
    names.computes = true;
  }
}

function noteField(field: PlannedField, relation: Relation | undefined, names: Names): void {
  const isColumn = field.name === '*' || relation?.columns.has(field.name) === true;
  if (!isColumn || field.transform !== null) names.computes = true;
}

/** Groups have no key. Those of an embed are part of its parent's row. */
function refuseAggregates({ select, outputs }: ReadPlan, relation: Relation | undefined): void {
  const spreads = outputs.flatMap((output) => (output.kind === 'spread' ? output.columns : []));
  const isGrouped = [...select, ...spreads].some(({ aggregate }) => aggregate !== null);
  // PostgreSQL reads `rows.count` as `count(rows)`
  const { columns, computedColumns } = relation ?? { columns: new Map(), computedColumns: new Map() };
  const counts = select.some(({ field }) => field.name === 'count') && !columns.has('count');
  if (isGrouped || (counts && !computedColumns.has('count'))) {
    throw cannotFollow('It aggregates rows.', 'Follow the rows, and aggregate them in the client.');
  }
}

/** The relations of a read, and whether functions compute anything in it. */
function collect(catalog: Catalog, plan: ReadPlan, names: Names): void {
  const { source, attachment } = plan;
  if (source.kind !== 'relation') {
    throw cannotFollow('It embeds what a function returns.', 'Embed along foreign keys.');
  }
  names.relations.push(source.name);
  if (attachment?.junction) names.relations.push(attachment.junction);
  const relation = catalog.relations.get(nameKey(source.name.schema, source.name.name));
  if (attachment === null) refuseAggregates(plan, relation);
  for (const { field, cast } of plan.select) {
    noteField(field, relation, names);
    if (cast !== null) names.casts = true;
  }
  for (const { field, embedAlias } of plan.order) if (embedAlias === null) noteField(field, relation, names);
  for (const logic of plan.where) collectLogic(logic, relation, names);
  for (const child of plan.children) collect(catalog, child, names);
}

/** The role, and all roles that it is a member of: whose policies may apply to it. */
function rolesOf(catalog: Catalog, role: string): ReadonlySet<string> {
  const found = new Set(['PUBLIC', role]);
  for (const name of found) for (const other of catalog.roles.get(name)?.memberOf ?? []) found.add(other);
  return found;
}

/** The policies that decide over the rows of tables, those of the tables that they read among them. */
function policiesFor(
  { byOid, policiesOf }: Tables,
  roles: ReadonlySet<string>,
  tables: readonly Table[],
): readonly ReadPolicy[] {
  const policies: ReadPolicy[] = [];
  const seen = new Set(tables);
  for (const table of seen) {
    if (!table.isSecured) continue;
    for (const policy of policiesOf.get(table.oid) ?? []) {
      if (!policy.roles.some((role) => roles.has(role))) continue;
      policies.push(policy);
      for (const oid of policy.relations) {
        const other = byOid.get(oid);
        if (other) seen.add(other);
      }
    }
  }
  return policies;
}

/**
 * Finds out on what a read of a role depends. Throws ApiError AURA400 for what cannot be followed, AURA401 for a
 * table that is not captured.
 */
export function dependenceOf(catalog: Catalog, tables: Tables, role: string, plan: ReadPlan): Dependence {
  const names: Names = { relations: [], computes: false, casts: false };
  collect(catalog, plan, names);
  return dependenceOn(catalog, tables, role, names);
}

/** What a read names. */
export interface Named {
  /** The first is what its rows are of. */
  readonly relations: readonly QualifiedName[];
  /** Something is computed by a function. */
  readonly computes: boolean;
  /** Something is cast to a type that is perhaps not a built-in one. */
  readonly casts?: boolean;
}

/** The same by what a read names. Throws likewise. */
export function dependenceOn(catalog: Catalog, tables: Tables, role: string, names: Named): Dependence {
  const own = names.relations.map((name) => {
    const relation = catalog.relations.get(nameKey(name.schema, name.name));
    if (relation && relation.kind !== 'table' && relation.kind !== 'partitioned table') {
      throw cannotFollow(
        `${displayName(name)} is a ${relation.kind}.`,
        'Follow tables; changes of what is behind others are not known.',
      );
    }
    const table = tables.byName.get(nameKey(name.schema, name.name));
    if (!table?.isCaptured) throw notCaptured(name);
    return table;
  });
  const [root] = own;
  if (!root) throw new Error('a read without a relation');
  const { superuser, bypassRls } = catalog.roles.get(role) ?? { superuser: false, bypassRls: false };
  const bypasses = superuser || bypassRls;
  const policies = bypasses ? [] : policiesFor(tables, rolesOf(catalog, role), own);
  const read = policies.flatMap((policy) => policy.relations).map((oid) => tables.byOid.get(oid));
  const followed = read.filter((table) => table?.isCaptured === true) as Table[];
  return {
    root,
    relations: new Set([...own, ...followed].map((table) => table.root)),
    isSelfDependent: [...own.slice(1), ...followed].some((table) => table.root === root.root),
    isClaimsFree:
      !names.computes &&
      names.casts !== true &&
      own.every(({ isPlain }) => isPlain) &&
      policies.every(({ isClaimsFree, relations }) => isClaimsFree && relations.length === 0),
    isOpaque: names.computes || followed.length < read.length || policies.some(({ isOpaque }) => isOpaque),
    policies: [
      bypasses,
      ...own.map(({ isSecured }) => isSecured),
      ...policies.map(({ digest }) => digest),
    ].join(' '),
  };
}
