/**
 * A statement's values for the request at hand.
 */

import { arrayLiteral, listLiteral } from '../query/filter.ts';
import type { Parameter } from '../query/sql.ts';
import { parseList } from '../request/grammar.ts';

/** What differs between two requests of one shape. */
export interface RequestValues {
  readonly slots: readonly string[];
  /** The body as PostgreSQL gets it; null = none. */
  readonly body: Buffer | string | null;
  /** Rows to skip at the root. */
  readonly offset: number;
  /** Completes the slots' texts, once they have been taken apart; null = they are complete. */
  readonly fill: ((text: string) => string) | null;
}

function bindSlot(values: RequestValues, index: number, form: 'text' | 'pattern' | 'list'): string {
  const { fill } = values;
  const text = values.slots[index] ?? '';
  if (form === 'list') {
    const items = parseList(text);
    return listLiteral(fill === null ? items : items.map(fill));
  }
  const plain = form === 'pattern' ? text.replaceAll('*', '%') : text;
  return fill === null ? plain : fill(plain);
}

function bindOne(parameter: Parameter, values: RequestValues): string | Buffer | null {
  switch (parameter.kind) {
    case 'constant':
      return parameter.value;
    case 'slot':
      return bindSlot(values, parameter.index, parameter.form);
    case 'slots':
      return arrayLiteral(parameter.indexes.map((index) => bindSlot(values, index, 'text')));
    case 'body':
      return values.body;
    case 'offset':
      return String(values.offset);
  }
}

/** The values in the order of the parameters. Throws ApiError PGRST100 for a list that cannot be read. */
export const bind = (parameters: readonly Parameter[], values: RequestValues): (string | Buffer | null)[] =>
  parameters.map((parameter) => bindOne(parameter, values));
