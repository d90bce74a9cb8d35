/**
 * The arguments that say which page of a connection is meant: `first`, `last`, `before`, `after` and `offset`.
 */
import type { Amount, ConnectionPlan } from '../plan/document.ts';
import type { Position } from '../request/ast.ts';
import type { Input } from './input.ts';
import type { Table } from './model.ts';
import { type Planner, refusal } from './planner.ts';

const isGiven = (input: Input | undefined): input is Input => input !== undefined && input.value !== null;

function refuseContradictions(given: (name: string) => boolean): void {
  const both = (a: string, b: string): boolean => given(a) && given(b);
  if (both('first', 'last')) throw refusal('only one of "first" and "last" may be provided');
  if (both('before', 'after')) throw refusal('only one of "before" and "after" may be provided');
  if (both('first', 'before')) throw refusal('"first" may only be used with "after"');
  if (both('last', 'after')) throw refusal('"last" may only be used with "before"');
  if (given('offset') && (given('last') || given('before'))) {
    throw refusal('"offset" may only be used with "first" and "after"');
  }
}

/** A number of rows, at most so many. */
function amountOf(planner: Planner, name: string, input: Input, most: number | null): Amount {
  const check = (value: unknown): number => {
    if (typeof value !== 'number' || value < 0) throw refusal(`\`${name}\` must be an unsigned integer`);
    return most === null ? value : Math.min(value, most);
  };
  const value = check(input.value);
  if (input.isFixed) return { kind: 'number', value };
  return { kind: 'slot', index: planner.slot((variables) => String(check(input.read(variables)))).index };
}

/** The most rows that a page of the table has, by its own directive and the server's setting. */
const mostRows = ({ context }: Planner, { maxRows }: Table): number =>
  Math.min(maxRows, context.options.dbMaxRows ?? Number.POSITIVE_INFINITY);

/** Which page of a connection is meant. `positionAt` plans the position that a cursor names. */
export function planPage(
  planner: Planner,
  table: Table,
  inputs: ReadonlyMap<string, Input>,
  positionAt: (cursor: Input, direction: Position['direction']) => Position,
): Pick<ConnectionPlan, 'backwards' | 'position' | 'limit' | 'offset'> {
  const input = (name: string): Input | undefined => inputs.get(name);
  refuseContradictions((name) => isGiven(input(name)));
  const [before, after, first, last, offset] = ['before', 'after', 'first', 'last', 'offset'].map(input);
  const cursor = isGiven(before) ? before : after;
  const amount = isGiven(first) ? first : last;
  const most = mostRows(planner, table);
  return {
    backwards: isGiven(last) || isGiven(before),
    position: isGiven(cursor) ? positionAt(cursor, isGiven(before) ? 'before' : 'after') : null,
    limit: isGiven(amount)
      ? amountOf(planner, isGiven(first) ? 'first' : 'last', amount, most)
      : { kind: 'number', value: most },
    offset: isGiven(offset) ? amountOf(planner, 'offset', offset, null) : null,
  };
}
