/** Shapes of JSON columns: the notation of comments, and JSON Schema in checks. */
import { describe, expect, test } from 'vitest';
import { shapeInCheck } from '../../codegen/json-schema.ts';
import { readLimits } from '../../codegen/limits.ts';
import { parseTypeExpression, readableComment, shapeInComment } from '../../codegen/type-expression.ts';
import { printShape } from '../../codegen/typescript-type.ts';

describe('a type in a comment', () => {
  test.each([
    ['string', 'string'],
    ['integer[]', 'number[]'],
    ['(string | null)[]', '(string | null)[]'],
    ["'a' | 'b' | 3 | -1.5 | true", '"a" | "b" | 3 | -1.5 | true'],
    ['{ a: string; b?: number, }', '{ a: string; b?: number }'],
    ['{"odd key"?: any}', '{ "odd key"?: Json }'],
    ['Record<string, { x: Array<boolean> }>', '{ [key: string]: { x: boolean[] } }'],
    ['{}', 'Record<string, never>'],
    ['| null', 'null'],
    [`'it\\'s'`, `"it's"`],
  ])('%s', (text, printed) => {
    expect(printShape(parseTypeExpression(text))).toBe(printed);
  });

  test.each([
    ['', 'it ends where a type is expected'],
    ['Date', "'Date' is no type of JSON"],
    ['{ a string }', "':' is expected, and 'string' is there"],
    ['string number', "'number' is too much"],
    ['string[', "']' is expected, and the end is there"],
    ['Record<number, string>', 'the keys of a Record are string'],
    ['`x`', 'nothing is known to begin with'],
    [`${'['.repeat(3)}`, "'[' stands where a type is expected"],
    [`${'('.repeat(99)}`, 'it is deeper than 32 levels'],
  ])('%j is refused: %s', (text, message) => {
    expect(() => parseTypeExpression(text)).toThrow(message);
  });

  test('stands between words for people, who do not see it', () => {
    const comment = 'Preferences. @aura(type: "{ a?: \\"x\\" }") As they like.';
    expect(shapeInComment(comment)).toEqual({
      kind: 'object',
      properties: [{ name: 'a', required: false, shape: { kind: 'literal', value: 'x' } }],
      rest: null,
    });
    expect(readableComment(comment)).toBe('Preferences.  As they like.');
    expect(readableComment('@aura(waive-rls: "all (of it)")')).toBeNull();
    expect(shapeInComment('type: string')).toBeNull();
  });
});

describe('a JSON Schema in a check', () => {
  const shapeOf = (schema: unknown): string => {
    const text = JSON.stringify(schema).replaceAll("'", "''");
    const shape = shapeInCheck(`x.jsonb_matches_schema('${text}'::json, "My col")`);
    return shape === null ? 'none' : printShape(shape);
  };

  test.each<[unknown, string]>([
    [true, 'Json'],
    [{}, 'Json'],
    [{ type: 'string', maxLength: 3 }, 'string'],
    [{ type: ['integer', 'null'] }, 'number | null'],
    [{ enum: ['a', 2, null] }, '"a" | 2 | null'],
    [{ const: "it's" }, `"it's"`],
    [{ enum: ['a', { b: 1 }] }, 'Json'],
    [{ type: 'array', items: { type: 'number' } }, 'number[]'],
    [{ type: 'array', prefixItems: [{ type: 'number' }] }, 'Json[]'],
    [{ anyOf: [{ type: 'string' }, { type: 'array' }] }, 'string | Json[]'],
    [{ allOf: [{ type: 'string' }] }, 'Json'],
    [{ type: 'object' }, '{ [key: string]: Json }'],
    [{ type: 'object', additionalProperties: { type: 'number' } }, '{ [key: string]: number }'],
    [
      {
        type: 'object',
        properties: { a: { type: 'string' } },
        required: ['a', 'b'],
        additionalProperties: false,
      },
      '{ a: string; b: Json }',
    ],
    // without a type other values pass, too
    [{ properties: { a: { type: 'string' } } }, 'Json'],
    [{ $ref: '#/$defs/a', $defs: { a: { type: 'boolean' } } }, 'boolean'],
    [{ $ref: '#/$defs/none' }, 'Json'],
    [{ $ref: 'https://example.org/schema' }, 'Json'],
    [{ $ref: '#' }, 'Json'],
    [{ $defs: { a: { type: 'array', items: { $ref: '#/$defs/a' } } }, $ref: '#/$defs/a' }, 'Json[]'],
  ])('%j is %s', (schema, printed) => {
    expect(shapeOf(schema)).toBe(printed);
  });

  test.each([
    `(jsonb_typeof(a) = 'object'::text)`,
    `(extensions.jsonb_matches_schema(schema => '{"type":"object"}'::json, instance => a))`,
  ])('%s is an object', (expression) => {
    expect(shapeInCheck(expression)).toMatchObject({ kind: 'object', properties: [] });
  });

  test.each([
    `((jsonb_matches_schema('{"type":"string"}'::json, a)) OR (b > 1))`,
    `(NOT jsonb_matches_schema('{"type":"string"}'::json, a))`,
    `((a IS NULL) OR (jsonb_typeof(a) = 'object'::text))`,
    '(a > 0)',
  ])('%s says nothing', (expression) => {
    expect(shapeInCheck(expression)).toBeNull();
  });
});

describe('limits in checks', () => {
  test.each<[string, object]>([
    [`(a = ANY (ARRAY['x'::text, 'y''z'::text]))`, { oneOf: ['x', "y'z"] }],
    [
      `((a)::text = ANY ((ARRAY['p'::character varying, 'q, r'::character varying])::text[]))`,
      { oneOf: ['p', 'q, r'] },
    ],
    ['(a = ANY (ARRAY[1, 2, 3]))', { oneOf: [1, 2, 3] }],
    ['((a >= 1) AND (a <= 5))', { min: 1, max: 5 }],
    ['((a > (0)::numeric) AND (a < 1.5))', { exclusiveMin: 0, exclusiveMax: 1.5 }],
    [`(a >= '-5'::integer)`, { min: -5 }],
    [`(a <= ('1000'::numeric)::double precision)`, { max: 1000 }],
    ['((length(a) >= 1) AND (length(a) <= 80))', { minLength: 1, maxLength: 80 }],
    ['(char_length((a)::text) > 2)', { minLength: 3 }],
    ['(length(a) = 3)', { minLength: 3, maxLength: 3 }],
    [`(a ~ '^[a-z]+$'::text)`, { pattern: '^[a-z]+$' }],
    [`(a = 'only'::text)`, { oneOf: ['only'] }],
    // nothing that can be said of the value alone, or that reads differently elsewhere
    [`((a = 'x'::text) OR (a IS NULL))`, {}],
    [`((a ~~ '%) AND (a > 1'::text) OR (a > 2))`, {}],
    [`(a ~ '^\\w+[[:alpha:]].$'::text)`, {}],
    [`(a ~ '(?i)x'::text)`, {}],
    [`(a ~* 'x'::text)`, {}],
    [`(a > '5'::text)`, {}],
    [`(a = 'abc'::bpchar)`, {}],
    ['(b > 5)', {}],
    ['(lower(a) = a)', {}],
    ['(NOT (a > 5))', {}],
    [`(a <> ''::text)`, {}],
  ])('%s', (expression, limits) => {
    expect(readLimits([expression], 'a', null)).toEqual(limits);
  });
});
