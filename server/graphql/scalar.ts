/**
 * The scalars of the schema and how their values are read. A value stays text from the request to PostgreSQL, which
 * alone judges it, so that no digit is lost on the way; what is refused here is only what has another kind.
 */
import {
  GraphQLBoolean,
  GraphQLError,
  GraphQLFloat,
  GraphQLID,
  GraphQLInt,
  GraphQLScalarType,
  GraphQLString,
  Kind,
  type ValueNode,
} from 'graphql';
import type { ScalarName } from './column-type.ts';

type Reader = (value: unknown) => string | null;

const text: Reader = (value) => (typeof value === 'string' ? value : null);

/** A number that JavaScript could not keep exactly has lost its digits before it came here. */
const exact = (value: unknown): string | null =>
  typeof value === 'number' && (!Number.isInteger(value) || Number.isSafeInteger(value))
    ? String(value)
    : null;

const WHOLE = /^[+-]?\d+$/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$|^(?:NaN|-?Infinity)$/;

const whole: Reader = (value) => {
  const digits = text(value) ?? exact(value);
  return digits !== null && WHOLE.test(digits) ? digits : null;
};

const decimal: Reader = (value) => {
  const digits = text(value) ?? exact(value);
  return digits !== null && NUMBER.test(digits) ? digits : null;
};

const any: Reader = (value) => (typeof value === 'boolean' ? String(value) : (text(value) ?? exact(value)));

const literalText = (node: ValueNode): unknown => {
  switch (node.kind) {
    case Kind.STRING:
    case Kind.INT:
    case Kind.FLOAT:
      return node.value;
    case Kind.BOOLEAN:
      return node.value;
    default:
      return undefined;
  }
};

function scalar(
  name: ScalarName,
  description: string,
  read: Reader,
  literals: readonly Kind[],
): GraphQLScalarType {
  const parse = (value: unknown): string => {
    const found = read(value);
    if (found !== null) return found;
    const shown =
      typeof value === 'number' ? 'a number that is not exact' : `a value of type ${typeof value}`;
    throw new GraphQLError(`${name} cannot be read from ${shown}; send it as a string.`);
  };
  return new GraphQLScalarType({
    name,
    description,
    serialize: (value) => value,
    parseValue: parse,
    parseLiteral: (node) => {
      if (literals.includes(node.kind)) return parse(literalText(node));
      throw new GraphQLError(`${name} cannot be read from a literal of kind ${node.kind}.`, { nodes: node });
    },
  });
}

const STRINGS = [Kind.STRING];
const NUMBERS = [Kind.STRING, Kind.INT];
const DECIMALS = [Kind.STRING, Kind.INT, Kind.FLOAT];

/** One of GraphQL's own scalars with another description. */
const described = (type: GraphQLScalarType, description: string): GraphQLScalarType =>
  new GraphQLScalarType({ ...type.toConfig(), description });

/** All scalars by name. String and Boolean are GraphQL's own objects, which introspection itself has, too. */
export const SCALARS: Readonly<Record<ScalarName, GraphQLScalarType>> = {
  ID: described(GraphQLID, 'A globally unique identifier for a given record'),
  Int: described(GraphQLInt, 'A scalar integer up to 32 bits'),
  Float: described(GraphQLFloat, 'A scalar floating point value up to 32 bits'),
  String: GraphQLString,
  Boolean: GraphQLBoolean,
  Date: scalar('Date', 'A date without time information', text, STRINGS),
  Time: scalar('Time', 'A time without date information', text, STRINGS),
  Datetime: scalar('Datetime', 'A date and time', text, STRINGS),
  BigInt: scalar('BigInt', 'An arbitrary size integer represented as a string', whole, NUMBERS),
  BigFloat: scalar(
    'BigFloat',
    'A high precision floating point value represented as a string',
    decimal,
    DECIMALS,
  ),
  UUID: scalar('UUID', 'A universally unique identifier', text, STRINGS),
  JSON: scalar('JSON', 'A Javascript Object Notation value serialized as a string', text, STRINGS),
  Cursor: scalar(
    'Cursor',
    'An opaque string using for tracking a position in results during pagination',
    text,
    STRINGS,
  ),
  Opaque: scalar('Opaque', 'Any type not handled by the type system', any, [...DECIMALS, Kind.BOOLEAN]),
};
