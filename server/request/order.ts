/**
 * `order=`: columns and columns of to-one embeds, with direction and the place of nulls.
 */
import type { Field, OrderTerm } from './ast.ts';
import { delimiter, endOfItem, field, fieldName, lexeme, optional } from './name.ts';
import {
  after,
  attempt,
  before,
  between,
  character,
  either,
  literal,
  map,
  type Parser,
  separatedBy1,
  sequence,
} from './parser.ts';

const direction: Parser<'asc' | 'desc'> = either<'asc' | 'desc'>(
  attempt(map(after(delimiter, literal('asc')), () => 'asc')),
  attempt(map(after(delimiter, literal('desc')), () => 'desc')),
);

const nulls: Parser<'first' | 'last'> = either<'first' | 'last'>(
  attempt(map(after(delimiter, literal('nullsfirst')), () => 'first')),
  attempt(map(after(delimiter, literal('nullslast')), () => 'last')),
);

const endOfTerm = endOfItem([',']);

const nullsAtEnd: Parser<'first' | 'last' | null> = either<'first' | 'last' | null>(
  before(optional(nulls), endOfTerm),
  map(endOfTerm, () => null),
);

const modifiers = sequence<['asc' | 'desc' | null, 'first' | 'last' | null]>(optional(direction), nullsAtEnd);

type Modifiers = ['asc' | 'desc' | null, 'first' | 'last' | null];

const relationTerm: Parser<OrderTerm> = map(
  sequence<[string, Field, Modifiers]>(
    fieldName,
    between(character('('), character(')'), field),
    modifiers as Parser<Modifiers>,
  ),
  ([relation, of, [towards, place]]) => ({ relation, field: of, direction: towards, nulls: place }),
);

const columnTerm: Parser<OrderTerm> = map(
  sequence<[Field, Modifiers]>(field, modifiers as Parser<Modifiers>),
  ([of, [towards, place]]) => ({ relation: null, field: of, direction: towards, nulls: place }),
);

/** A comma-separated list of order terms. */
export const orderTerms: Parser<OrderTerm[]> = separatedBy1(
  lexeme(either(attempt(relationTerm), columnTerm)),
  character(','),
);
