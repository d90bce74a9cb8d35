/**
 * Writes: which columns are written, what must hold, and what the answer needs of the written rows.
 */
import type { Relation } from '../catalog/types.ts';
import { apiError } from '../errors/codes.ts';
import type { Mutation, Request } from '../request/ast.ts';
import type { PlanContext } from './context.ts';
import { planLogic, planTarget } from './fields.ts';
import type { MutatePlan, PlannedLogic, ReadPlan, TargetColumn } from './types.ts';

/**
 * The columns that a result needs for its embeds to be joined: `*` where that cannot be known.
 */
export function returningColumns(read: ReadPlan, primaryKey: readonly string[]): string[] {
  const selected = read.select.map((item) => item.field.name);
  if (selected.includes('*') || read.children.some((child) => child.source.kind === 'computed')) return ['*'];
  const joined = read.children.flatMap((child) =>
    (child.attachment?.conditions ?? []).flatMap(([, outer]) =>
      outer.schema === null && read.source.kind === 'result' && outer.relation === read.source.alias
        ? [outer.column]
        : [],
    ),
  );
  return [...new Set([...selected, ...joined, ...primaryKey])].sort();
}

/** PGRST204. */
export const unknownColumn = (relation: string, name: string): Error =>
  apiError('PGRST204', `Could not find the '${name}' column of '${relation}' in the schema cache`);

function targets(context: PlanContext, relation: Relation, names: readonly string[]): TargetColumn[] {
  return names.map((name) => {
    const column = relation.columns.get(name);
    if (!column) throw unknownColumn(relation.name.name, name);
    return planTarget(context, column);
  });
}

function bodyColumns(request: Request): readonly string[] {
  const { payload } = request;
  if (payload?.kind === 'json') return payload.keys;
  return payload?.kind === 'unread json' ? (request.columns ?? []) : [];
}

const bodyIsObject = ({ payload }: Request): boolean =>
  (payload?.kind === 'json' || payload?.kind === 'unread json') && payload.isObject;

/** PUT addresses one row by `eq` on exactly its primary key. */
function refuseUnlessByPrimaryKey(request: Request, relation: Relation): void {
  const { primaryKey } = relation;
  const fields = new Set(request.filterFields);
  const onlyEquality = request.where.every(
    ({ path, value }) =>
      path.length > 0 ||
      (value.kind === 'filter' &&
        !value.negated &&
        value.comparison.kind === 'quantifiable' &&
        value.comparison.operator === 'eq' &&
        value.comparison.quantifier === null),
  );
  const exactlyKey =
    primaryKey.length > 0 &&
    fields.size === primaryKey.length &&
    primaryKey.every((name) => fields.has(name));
  if (!onlyEquality || !exactlyKey) {
    throw apiError('PGRST105', "Filters must include all and only primary key columns with 'eq' operators");
  }
}

/** What becomes of rows that exist already, by the preference that asks for it. */
export const RESOLUTIONS = { 'merge-duplicates': 'merge', 'ignore-duplicates': 'ignore' } as const;

/**
 * Plans a write of `relation`, whose answer is `read`.
 * Throws PGRST204 for unknown columns, PGRST105 for a PUT that is not by primary key.
 */
export function planMutation(
  context: PlanContext,
  request: Request,
  relation: Relation,
  mutation: Mutation,
  read: ReadPlan,
): MutatePlan {
  const { name, primaryKey } = relation;
  const { preferences } = request;
  const returns = preferences.representation === 'full' || preferences.representation === 'headers-only';
  const returning = returns ? returningColumns(read, primaryKey) : [];
  const conditions: PlannedLogic[] = request.where
    .filter(({ path }) => path.length === 0)
    .map(({ value }) => planLogic(context, relation, value));
  if (mutation === 'delete') return { kind: 'delete', relation: name, conditions, returning };
  if (mutation === 'upsert') refuseUnlessByPrimaryKey(request, relation);
  const columns = targets(context, relation, bodyColumns(request));
  const common = { relation: name, columns, bodyIsObject: bodyIsObject(request), returning };
  const applyDefaults = preferences.missing === 'default';
  if (mutation === 'update') {
    const on = new Set(request.on ?? []);
    const keys = targets(context, relation, [...on]);
    const written = columns.filter(({ name: called }) => !on.has(called));
    return { kind: 'update', ...common, columns: written, keys, conditions, applyDefaults };
  }
  if (mutation === 'upsert') {
    const conflict = { resolution: 'merge', columns: primaryKey } as const;
    return { kind: 'insert', ...common, conflict, conditions, primaryKey, applyDefaults: false };
  }
  const conflict = preferences.resolution && {
    resolution: RESOLUTIONS[preferences.resolution],
    columns: request.onConflict ?? primaryKey,
  };
  return { kind: 'insert', ...common, conflict, conditions: [], primaryKey, applyDefaults };
}
