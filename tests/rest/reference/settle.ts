/**
 * Makes a draft a read that has one meaning: keys of an answer are unique, embeds can be told apart by their names,
 * aggregates are where they may be, and where rows are cut off their order is total.
 */
import type { EmbedItem, FieldItem, Item, Logic, Read, Term } from './ast.ts';
import { isEmbed, isGrouped, keyOf } from './ast.ts';

/** A read as it is generated; the reads of its embeds are drafts, too. */
export interface Draft extends Read {
  /** Its aggregates are meant. */
  readonly groups: boolean;
}

interface Place {
  /** Keys of the object that the values end up in. */
  readonly used: Set<string>;
  /** In what way it is embedded. */
  readonly spread: 'one' | 'many' | null;
  readonly aggregates: boolean;
  /** Its rows are compared as they come. */
  readonly ordered: boolean;
}

/** The read that a draft stands for. */
export const settle = (draft: Draft): Read =>
  settleRead(draft, { used: new Set(), spread: null, aggregates: draft.groups, ordered: false });

function settleRead(draft: Draft, place: Place): Read {
  const items = settleItems(draft, place);
  const where = draft.where.flatMap((logic) => settleLogic(items, logic));
  const read: Read = { ...draft, items, where, order: [], isTotal: false };
  return isGrouped(read) && place.spread === null ? orderGroups(draft, read) : orderRows(draft, read, place);
}

function fresh(used: Set<string>, wanted: string, prefix: string): string | null {
  if (!used.has(wanted)) {
    used.add(wanted);
    return null;
  }
  let number = 1;
  while (used.has(`${prefix}${number}`)) number += 1;
  used.add(`${prefix}${number}`);
  return `${prefix}${number}`;
}

type Named = Extract<Item, { kind: 'field' | 'count' }>;

function named(item: Named, used: Set<string>): Named {
  const alias = fresh(used, keyOf(item), 'x');
  return alias === null ? item : { ...item, alias };
}

const columnItem = (read: Read, column: string): FieldItem => {
  const found = read.table.columns.find(({ name }) => name === column);
  if (!found) throw new Error(`${read.table.name} has no column ${column}`);
  const field = { column: found, path: [] };
  return { kind: 'field', field, alias: null, cast: null, aggregate: null, aggregateCast: null };
};

const storedNames = (read: Read): string[] =>
  read.table.columns.filter(({ computed }) => !computed).map(({ name }) => name);

function settleItem(draft: Draft, item: Item, place: Place, embedNames: Set<string>): Item | null {
  const { used, aggregates } = place;
  switch (item.kind) {
    case 'star': {
      const stored = storedNames(draft);
      if (stored.some((name) => used.has(name))) return null;
      for (const name of stored) used.add(name);
      return item;
    }
    case 'count':
      return aggregates ? named(item, used) : null;
    case 'field':
      return named(aggregates ? item : { ...item, aggregate: null, aggregateCast: null }, used);
    case 'embed':
      return settleEmbed(draft, item, place, embedNames);
  }
}

function settleItems(draft: Draft, place: Place): Item[] {
  const embedNames = new Set<string>();
  const own = draft.items.flatMap((item) => settleItem(draft, item, place, embedNames) ?? []);
  const key = columnItem(draft, draft.table.key[0] ?? '');
  return own.some((item) => !isEmbed(item)) ? own : [named(key, place.used), ...own];
}

function settleEmbed(
  draft: Draft,
  item: EmbedItem,
  { used, aggregates, ordered }: Place,
  names: Set<string>,
): EmbedItem {
  const { relationship, read } = item;
  const isColumn = draft.table.columns.some(({ name }) => name === relationship.name);
  // a spread has no alias, and is told from others by its target alone
  const spread = item.spread && !isColumn && !names.has(relationship.name);
  const empty = item.empty && !spread;
  let alias: string | null = null;
  if (!spread) {
    const wanted = item.alias ?? (isColumn || names.has(relationship.name) ? 'e' : relationship.name);
    const taken = fresh(used, wanted, 'e');
    alias = taken ?? (wanted === relationship.name ? null : wanted);
  }
  names.add(relationship.name);
  const how = spread ? (relationship.toOne ? 'one' : 'many') : null;
  const inside = read as Draft;
  const settled = settleRead(
    empty ? { ...inside, items: inside.items.filter((one) => !isEmbed(one)) } : inside,
    {
      used: spread ? used : new Set(),
      spread: how,
      aggregates: !empty && (how === null ? inside.groups : how === 'one' && aggregates && inside.groups),
      ordered: ordered || aggregates || how === 'many',
    },
  );
  const bounds = relationship.toOne ? { limit: null, offset: 0 } : {};
  const order = relationship.toOne ? { order: [] } : {};
  return { ...item, alias, spread, empty, read: { ...settled, ...bounds, ...order } };
}

function settleLogic(items: readonly Item[], logic: Logic): Logic[] {
  switch (logic.kind) {
    case 'condition':
      return [logic];
    case 'null embed': {
      const embeds = items.flatMap((item, index) => (isEmbed(item) ? [index] : []));
      const embed = embeds[logic.embed % Math.max(embeds.length, 1)];
      return embed === undefined ? [] : [{ ...logic, embed }];
    }
    case 'tree': {
      const children = logic.children.flatMap((child) => settleLogic(items, child));
      return children.length === 0 ? [] : [{ ...logic, children }];
    }
  }
}

/** A term over a to-one embed can be by what the embed selects under its own name. */
function relatedTerm(items: readonly Item[], term: Term): Term | null {
  if (term.embed === null) return term;
  const candidates = items.flatMap((item, embed) => {
    if (!isEmbed(item) || !item.relationship.toOne || item.spread || item.empty || isGrouped(item.read))
      return [];
    return item.read.items.flatMap((inner) =>
      inner.kind === 'field' && inner.alias === null && inner.cast === null && inner.field.path.length === 0
        ? [{ embed, field: inner.field }]
        : [],
    );
  });
  const found = candidates[term.embed % Math.max(candidates.length, 1)];
  return found === undefined ? null : { ...term, ...found };
}

function orderRows(draft: Draft, read: Read, { ordered }: Place): Read {
  const terms = draft.order.flatMap((term) => relatedTerm(read.items, term) ?? []);
  const isCut = draft.limit !== null || draft.offset > 0;
  if (!ordered && !isCut && !draft.isTotal) return { ...read, order: terms };
  const key = read.table.key.map((column): Term => {
    const { field } = columnItem(read, column);
    return { embed: null, field, direction: null, nulls: null };
  });
  return { ...read, order: [...terms, ...key], isTotal: true };
}

/** Groups are ordered by what they are grouped by, where that is columns alone. */
function orderGroups(draft: Draft, read: Read): Read {
  const unbound: Read = { ...read, limit: null, offset: 0 };
  const keys: Term[] = [];
  for (const item of read.items) {
    if (item.kind === 'count' || (item.kind === 'field' && item.aggregate !== null)) continue;
    if (item.kind !== 'field' || item.cast !== null) return unbound;
    const { direction = null, nulls = null } = draft.order[keys.length] ?? {};
    keys.push({ embed: null, field: item.field, direction, nulls });
  }
  return { ...read, order: keys, isTotal: true };
}
