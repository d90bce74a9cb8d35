/**
 * Aggregates, and how they meet spreads: the aggregate of a column that a to-one spread lifts into its parent
 * is taken there, over the parent's groups; the order of a to-many spread moves into its aggregation.
 */
import { apiError } from '../errors/codes.ts';
import type { AggregateFunction } from '../request/ast.ts';
import type { EmbedOutput, PlannedOrder, PlannedSelect, ReadPlan, SpreadColumn } from './types.ts';

/** Throws PGRST123 if any aggregate is asked for. */
export function refuseAggregates(plan: ReadPlan): void {
  if (plan.select.some((item) => item.aggregate !== null)) {
    throw apiError('PGRST123', 'Use of aggregate functions is not allowed');
  }
  plan.children.forEach(refuseAggregates);
}

/** Whether the rows of this very read are groups; aggregates of its embeds apart. */
export const isGrouped = (plan: ReadPlan): boolean =>
  plan.select.some(({ aggregate }) => aggregate !== null) ||
  plan.outputs.some(
    (output) => output.kind === 'spread' && output.columns.some(({ aggregate }) => aggregate !== null),
  );

interface Hoisted {
  readonly embedAlias: string;
  readonly column: string;
  readonly aggregate: AggregateFunction;
  readonly cast: string | null;
  readonly alias: string | null;
}

/** Moves the aggregates of to-one spreads up to the row that they end up in. */
export const hoistSpreadAggregates = (plan: ReadPlan): ReadPlan => hoist(plan).plan;

function hoist(plan: ReadPlan): { plan: ReadPlan; hoisted: readonly Hoisted[] } {
  const below = plan.children.map(hoist);
  const fromBelow = below.flatMap(({ hoisted }) => hoisted);
  const children = below.map(({ plan: child }) => child);
  const isToOneSpread = plan.attachment?.spread?.kind === 'one';
  if (!isToOneSpread || !plan.attachment) {
    const outputs = plan.outputs.map((output) => aggregateSpread(output, fromBelow));
    return { plan: { ...plan, children, outputs }, hoisted: [] };
  }
  const { embedAlias } = plan.attachment;
  const own = plan.select.flatMap((item): Hoisted[] =>
    item.aggregate === null
      ? []
      : [
          {
            embedAlias,
            column: item.alias ?? item.field.name,
            aggregate: item.aggregate,
            cast: item.aggregateCast,
            alias: item.alias,
          },
        ],
  );
  const select = plan.select.map(
    (item): PlannedSelect => ({ ...item, aggregate: null, aggregateCast: null }),
  );
  return {
    plan: { ...plan, children, select },
    hoisted: [...own, ...fromBelow.map((item) => ({ ...item, embedAlias }))],
  };
}

function aggregateSpread(output: EmbedOutput, hoisted: readonly Hoisted[]): EmbedOutput {
  if (output.kind !== 'spread') return output;
  const columns = output.columns.map((column): SpreadColumn => {
    const found = hoisted.find(
      (item) => item.embedAlias === output.embedAlias && item.column === column.name,
    );
    return found
      ? { ...column, aggregate: found.aggregate, aggregateCast: found.cast, alias: found.alias }
      : column;
  });
  return { ...output, columns };
}

/**
 * Lets a to-many spread order the values that it aggregates: the columns to order by are selected beside them.
 * Throws PGRST127 for aggregates in a to-many spread.
 */
export function orderManySpreads(plan: ReadPlan): ReadPlan {
  const children = plan.children.map(orderManySpreads);
  const { attachment } = plan;
  if (attachment?.spread?.kind !== 'many') return { ...plan, children };
  const aggregates =
    plan.select.some((item) => item.aggregate !== null) ||
    plan.outputs.some(
      (output) => output.kind === 'spread' && output.columns.some((column) => column.aggregate !== null),
    );
  if (aggregates) {
    throw apiError('PGRST127', 'Feature not implemented', {
      details: 'Aggregates are not implemented for one-to-many or many-to-many spreads.',
    });
  }
  const named = plan.order.map((term, index) => ({
    term,
    alias: `${attachment.embedAlias.slice(0, 40)}_order_${index + 1}`,
  }));
  const extra = named.map(({ term, alias }) => ({
    embedAlias: term.embedAlias,
    select: { field: term.field, alias, cast: null, aggregate: null, aggregateCast: null },
  }));
  const order = named.map(
    ({ term, alias }): PlannedOrder => ({
      ...term,
      embedAlias: null,
      field: { name: alias, path: [], toJson: false, transform: null, fullRow: false },
    }),
  );
  return {
    ...plan,
    children,
    // what a limit leaves are the first rows of the order
    order: plan.range.limit === null && plan.range.offset === 0 ? [] : plan.order,
    attachment: { ...attachment, spread: { kind: 'many', extra, order } },
  };
}
