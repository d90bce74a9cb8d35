/**
 * Reads: a chain of small passes over the tree of embeds. Each takes the tree and gives a more complete one.
 */

import type { Relation } from '../catalog/types.ts';
import { apiError } from '../errors/codes.ts';
import type { QualifiedName } from '../names.ts';
import type { Located, Logic, OrderTerm, Range, Shape } from '../request/ast.ts';
import { ALL_ROWS, restrict } from '../request/range.ts';
import { hoistSpreadAggregates, orderManySpreads, refuseAggregates } from './aggregate.ts';
import type { PlanContext } from './context.ts';
import { type EmbedNode, planEmbeds } from './embed.ts';
import { allColumns, hasRepresentations, planLogic, planOrder, planSelect, relationOf } from './fields.ts';
import type {
  EmbedOutput,
  PlannedLogic,
  PlannedOrder,
  PlannedSelect,
  ReadPlan,
  Source,
  SpreadColumn,
} from './types.ts';

/** What a read starts from. */
export interface ReadRoot {
  readonly relation: QualifiedName;
  readonly source: Source;
  readonly range: Range;
  /** The rows of a write: conditions and limits at the root were the write's, not the answer's. */
  readonly isResultOfWrite: boolean;
}

/** A node on its way to a ReadPlan. */
interface Draft {
  readonly node: EmbedNode;
  readonly select: readonly PlannedSelect[];
  readonly where: readonly PlannedLogic[];
  readonly order: readonly PlannedOrder[];
  readonly range: Range;
  readonly children: readonly Draft[];
}

/**
 * Plans what is read, with everything embedded.
 * Throws PGRST108 for conditions on what is not embedded, and what the passes throw.
 */
export function planRead(context: PlanContext, schema: string, root: ReadRoot, shape: Shape): ReadPlan {
  const legacy = context.options.urlUseLegacyTargetNames;
  refuseUnknownPaths(shape, legacy);
  const tree = planEmbeds(context, schema, root, shape.select);
  const conditions = root.isResultOfWrite ? shape.where.filter(({ path }) => path.length > 0) : shape.where;
  const draft = fill(context, tree, { ...shape, where: conditions }, legacy);
  const ranged = restrictRanges(
    { ...draft, range: root.range },
    root.isResultOfWrite ? null : context.options.dbMaxRows,
  );
  const complete = finish(expandStars(context, ranged, false));
  if (!context.options.dbAggregatesEnabled) refuseAggregates(complete);
  return orderManySpreads(hoistSpreadAggregates(complete));
}

/** Whether a name in a path means this embed: its alias if it has one, in legacy mode its name as well. */
const isCalled = (item: { alias: string | null; name: string }, wanted: string, legacy: boolean): boolean =>
  (item.alias ?? item.name) === wanted || (legacy && item.name === wanted);

function refuseUnknownPaths(shape: Shape, legacy: boolean): void {
  for (const { path } of [...shape.where, ...shape.order, ...shape.ranges]) {
    let select = shape.select;
    for (const wanted of path) {
      const embeds = select.flatMap((item) => (item.kind === 'embed' ? [item] : []));
      const found = embeds.find((item) => isCalled({ alias: item.alias, name: item.target }, wanted, legacy));
      if (!found) throw notEmbedded(wanted, embeds.find((item) => item.target === wanted)?.alias ?? null);
      select = found.select;
    }
  }
}

/** The names of aliased embeds that a path uses in place of their aliases, which is deprecated. */
export function legacyNames(shape: Shape): (readonly [name: string, alias: string])[] {
  const found = new Map<string, string>();
  for (const { path } of [...shape.where, ...shape.order, ...shape.ranges]) {
    let select = shape.select;
    for (const wanted of path) {
      const embed = select
        .flatMap((item) => (item.kind === 'embed' ? [item] : []))
        .find((item) => isCalled({ alias: item.alias, name: item.target }, wanted, true));
      if (!embed) break;
      if (embed.alias !== null && embed.alias !== wanted) found.set(embed.target, embed.alias);
      select = embed.select;
    }
  }
  return [...found];
}

function notEmbedded(name: string, alias: string | null): Error {
  const message = `'${name}' is not an embedded resource in this request`;
  if (alias === null) {
    return apiError('PGRST108', message, {
      hint: `Verify that '${name}' is included in the 'select' query parameter.`,
    });
  }
  return apiError('PGRST108', message, {
    details: 'Target names are not allowed in filters if they have an alias',
    hint: `Change '${name}' to '${alias}' in filters, orders or limits.`,
  });
}

/** The index of the child that a path's first name means. */
const childIndex = (children: readonly EmbedNode[], wanted: string, legacy: boolean): number =>
  children.findIndex((child) => isCalled(child, wanted, legacy));

/** What is located at an embed, with the embed's name taken off its path. */
const below = <T>(
  items: readonly Located<T>[],
  node: EmbedNode,
  index: number,
  legacy: boolean,
): Located<T>[] =>
  items
    .filter(({ path }) => path[0] !== undefined && childIndex(node.children, path[0], legacy) === index)
    .map(({ path, value }) => ({ path: path.slice(1), value }));

const here = <T>(items: readonly Located<T>[]): T[] =>
  items.filter(({ path }) => path.length === 0).map(({ value }) => value);

function fill(
  context: PlanContext,
  node: EmbedNode,
  shape: Pick<Shape, 'where' | 'order' | 'ranges'>,
  legacy: boolean,
): Draft {
  const relation = relationOf(context, node.relation);
  const children = node.children.map((child, index) =>
    fill(
      context,
      child,
      {
        where: below<Logic>(shape.where, node, index, legacy),
        order: below<readonly OrderTerm[]>(shape.order, node, index, legacy),
        ranges: below<Range>(shape.ranges, node, index, legacy),
      },
      legacy,
    ),
  );
  return {
    node,
    select: node.fields.map((item) => planSelect(context, relation, item)),
    where: here(shape.where).map((logic) => nullEmbeds(node, relation, planLogic(context, relation, logic))),
    order: (here(shape.order)[0] ?? []).map((term) => relatedOrder(node, planOrder(relation, term))),
    range: here(shape.ranges)[0] ?? ALL_ROWS,
    children,
  };
}

const embedCalled = (node: EmbedNode, wanted: string): EmbedNode | undefined =>
  node.children.find((child) => (child.alias ?? child.name) === wanted);

/** Turns `embed=is.null` into a condition on whether the embed has rows; nothing else can be asked of one. */
function nullEmbeds(node: EmbedNode, relation: Relation | undefined, logic: PlannedLogic): PlannedLogic {
  if (logic.kind === 'logic') {
    return { ...logic, children: logic.children.map((child) => nullEmbeds(node, relation, child)) };
  }
  if (logic.kind !== 'filter' || logic.field.path.length > 0) return logic;
  const { name } = logic.field;
  const embed = embedCalled(node, name);
  const { comparison } = logic;
  if (!embed?.attachment) return logic;
  const { embedAlias } = embed.attachment;
  const asked = comparison.kind === 'is' ? comparison.value : null;
  if (asked === 'null') return { kind: 'embed is null', negated: logic.negated, embedAlias };
  if (asked === 'not_null') return { kind: 'embed is null', negated: !logic.negated, embedAlias };
  // an embed may be called like a column, for instance that of its foreign key
  if (relation === undefined || relation.columns.has(name) || relation.computedColumns.has(name))
    return logic;
  throw apiError('PGRST120', `Bad operator on the '${name}' embedded resource`, {
    details: 'Only is null or not is null filters are allowed on embedded resources',
    hint: `Filter a column of it, as in '${name}.column=eq.value'.`,
  });
}

/** Replaces an embed's name in an order term by its internal alias. */
function relatedOrder(node: EmbedNode, term: PlannedOrder): PlannedOrder {
  if (term.embedAlias === null) return term;
  const embed = embedCalled(node, term.embedAlias);
  if (!embed?.attachment) throw notEmbedded(term.embedAlias, null);
  if (!embed.attachment.toOne) {
    throw apiError('PGRST118', `A related order on '${term.embedAlias}' is not possible`, {
      details: `'${node.relation.name}' and '${term.embedAlias}' do not form a many-to-one or one-to-one relationship`,
    });
  }
  return { ...term, embedAlias: embed.attachment.embedAlias };
}

const restrictRanges = (draft: Draft, maxRows: number | null): Draft => ({
  ...draft,
  range: restrict(draft.range, maxRows),
  children: draft.children.map((child) => restrictRanges(child, maxRows)),
});

/** Whether the rows will be groups: by aggregates of their own, or by those that a to-one spread lifts into them. */
const becomesGrouped = ({ select, children }: Draft): boolean =>
  select.some((item) => item.aggregate !== null) ||
  children.some((child) => child.node.attachment?.spread?.kind === 'one' && becomesGrouped(child));

/**
 * Writes `*` out as columns where the star would not do: grouping needs them named, a spread's star would take
 * up again what is selected beside it, and columns with a representation are selected through it.
 */
function expandStars(context: PlanContext, draft: Draft, aggregatesAbove: boolean): Draft {
  const { node, select } = draft;
  const spread = node.attachment?.spread ?? null;
  const named = aggregatesAbove || spread !== null || becomesGrouped(draft);
  const relation = relationOf(context, node.relation);
  const needed = relation !== undefined && (named || hasRepresentations(context, relation));
  const isStar = (item: PlannedSelect): boolean => item.field.name === '*' && item.field.path.length === 0;
  const expanded = select.flatMap((item) => {
    if (!isStar(item)) return [item];
    if (item.aggregate === null) return needed ? allColumns(context, relation) : [item];
    // counted after the spread, so that the rows have to be counted as wholes
    return spread !== null && item.aggregate === 'count'
      ? [{ ...item, field: { ...item.field, fullRow: true } }]
      : [item];
  });
  return {
    ...draft,
    select: expanded,
    children: draft.children.map((child) => expandStars(context, child, named)),
  };
}

/** The alias that a selected field has without being given one. */
function automaticAlias(item: PlannedSelect, inSpread: boolean): string | null {
  if (item.alias !== null) return item.alias;
  if (item.aggregate !== null) return inSpread ? item.aggregate : null;
  const { name, path, transform } = item.field;
  if (path.length > 0) return path.findLast((step) => step.kind === 'key')?.value ?? name;
  return transform === null ? null : name;
}

function finish(draft: Draft): ReadPlan {
  const { attachment, source } = draft.node;
  const inSpread = attachment?.spread != null;
  const children = draft.children.map(finish);
  return {
    source,
    select: draft.select.map((item) => ({ ...item, alias: automaticAlias(item, inSpread) })),
    where: draft.where,
    order: draft.order,
    range: draft.range,
    attachment,
    outputs: children.flatMap(outputOf),
    children,
  };
}

const selectsNothing = (plan: ReadPlan): boolean =>
  plan.select.length === 0 && plan.children.every(selectsNothing);

function outputOf(child: ReadPlan): EmbedOutput[] {
  const { attachment } = child;
  if (!attachment) return [];
  const { key, embedAlias, toOne, spread } = attachment;
  if (spread !== null) return [{ kind: 'spread', embedAlias, columns: spreadColumns(child) }];
  return [{ kind: toOne ? 'object' : 'array', key, embedAlias, empty: selectsNothing(child) }];
}

function spreadColumns(plan: ReadPlan): SpreadColumn[] {
  const plain = (name: string): SpreadColumn => ({ name, alias: null, aggregate: null, aggregateCast: null });
  return [
    ...plan.select.map((item) => plain(item.alias ?? item.field.name)),
    ...plan.outputs.flatMap((output) => {
      if (output.kind === 'spread') return output.columns.map((column) => plain(column.alias ?? column.name));
      return output.empty ? [] : [plain(output.key)];
    }),
  ];
}
