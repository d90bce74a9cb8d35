/** `aggregate` of a connection: a few numbers of all its rows. */
import type { AggregateValue, Member, TextValue } from '../plan/document.ts';
import type { Planner } from './planner.ts';
import { below, type Selected, unexpected } from './selected.ts';

function aggregateValue(planner: Planner, selected: Selected): AggregateValue {
  const { meaning } = selected;
  if (meaning.kind === 'count') return { kind: 'count' };
  if (meaning.kind !== 'aggregated columns') throw unexpected(selected);
  const members = below(planner, selected, (inner) => {
    if (inner.meaning.kind !== 'aggregated') throw unexpected(inner);
    return { kind: 'aggregated' as const, column: inner.meaning.column.column.name };
  });
  return { kind: 'columns', aggregate: meaning.aggregate, members };
}

/** The members of `aggregate`. */
export const planAggregates = (
  planner: Planner,
  selected: Selected,
): readonly Member<AggregateValue | TextValue>[] =>
  below(planner, selected, (inner) => aggregateValue(planner, inner));
