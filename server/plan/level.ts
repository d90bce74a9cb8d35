/**
 * Levels of a nested write: what one statement writes of one place, where the keys come from that its rows need,
 * and which of their own they have to give back.
 */
import type { Relation } from '../catalog/types.ts';
import type { TreeLevel } from '../request/tree.ts';
import type { PlanContext } from './context.ts';
import { allColumns, planTarget } from './fields.ts';
import { unknownColumn } from './mutate.ts';
import { cannotWrite, type Place } from './place.ts';
import type { LevelColumn, LevelPlan, NestedPlan } from './types.ts';

/** Another row's key columns that fill columns of a row. */
export interface KeySource {
  /** The embed that holds the other row; null = it is the row above. */
  readonly embed: string | null;
  readonly fills: readonly {
    readonly column: string;
    /** The other row's column. */
    readonly key: string;
    /** Where the value stands in the row's object. */
    readonly member: string;
  }[];
}

/** A text that begins no column's name, so that members which begin with it are told from columns. */
export function reservedPrefix(relation: Relation): string {
  let prefix = '#';
  while ([...relation.columns.keys()].some((name) => name.startsWith(prefix))) prefix += '#';
  return prefix;
}

/** Where the rows of a level get keys from: the row above, and to-one embeds that are written before them. */
export function keySources({ place, embeds }: TreeLevel<Place>): KeySource[] {
  const prefix = reservedPrefix(place.relation);
  const sources: KeySource[] = [];
  const add = (embed: string | null, pairs: readonly (readonly [column: string, key: string])[]): void => {
    const fills = pairs.map(([column, key], index) => ({
      column,
      key,
      member: `${prefix}${sources.length}.${index}`,
    }));
    sources.push({ embed, fills });
  };
  if (place.link?.kind === 'child') {
    add(
      null,
      place.link.pairs.map(([above, here]) => [here, above]),
    );
  }
  for (const [name, { place: below }] of embeds) {
    if (below.link?.kind === 'parent') add(name, below.link.pairs);
  }
  return sources;
}

/** The columns of a level's rows whose values other levels need, and those that the root's answer is made of. */
export function keysToReturn({ place, embeds }: TreeLevel<Place>, answered: readonly string[]): string[] {
  const keys = new Set(answered);
  const { link } = place;
  if (link?.kind === 'parent') for (const [, here] of link.pairs) keys.add(here);
  if (link?.kind === 'junction') for (const [here] of link.here) keys.add(here);
  for (const { place: below } of embeds.values()) {
    if (below.link?.kind === 'child') for (const [above] of below.link.pairs) keys.add(above);
    if (below.link?.kind === 'junction') for (const [above] of below.link.above) keys.add(above);
  }
  return [...keys];
}

/** What the rows have in common that one statement writes. */
export interface LevelShape {
  /** Columns, with the members that fill each, and whether the body gives values of its own. */
  readonly columns: ReadonlyMap<string, { readonly members: readonly string[]; readonly given: boolean }>;
  readonly conflict: LevelPlan['conflict'];
  readonly applyDefaults: boolean;
  readonly keys: readonly string[];
  readonly row: LevelPlan['row'];
}

/** Plans the statement of a level. Throws PGRST204 for unknown columns. */
export function planLevel(context: PlanContext, relation: Relation, shape: LevelShape): LevelPlan {
  const columns = [...shape.columns].map(([name, { members, given }]): LevelColumn => {
    const column = relation.columns.get(name);
    if (!column) throw unknownColumn(relation.name.name, name);
    return { name, type: column.declaredType, members, given: given ? planTarget(context, column) : null };
  });
  const { conflict, applyDefaults, keys, row } = shape;
  return {
    relation: relation.name,
    columns,
    number: reservedPrefix(relation),
    conflict,
    applyDefaults,
    keys,
    row,
  };
}

/** Whether a column's text is JSON already. */
export function holdsJson(relation: Relation, column: string): boolean {
  const type = relation.columns.get(column)?.type;
  return type === 'json' || type === 'jsonb';
}

/** Refuses embeds that nothing can be inserted into. Throws AURA201. */
export function refuseUninsertable({ relation, link, path }: Place): void {
  if (link && !relation.insertable) throw cannotWrite(path, `The ${relation.kind} takes no rows.`);
}

/** All columns of a place's rows, as an answer shows them. */
export function mirroredRow(context: PlanContext, relation: Relation, stripped: boolean): LevelPlan['row'] {
  const select = allColumns(context, relation).map((item) =>
    item.field.transform === null ? item : { ...item, alias: item.field.name },
  );
  return { select, stripped };
}

/** The columns of the root's rows that the answer is made of. */
export const answeredColumns = ({ answer }: NestedPlan): string[] =>
  answer.mutate.columns.map(({ name }) => name);
