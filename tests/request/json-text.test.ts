/** JSON cut into the texts of its values: whatever the values and the white space, nothing is lost or added. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { elementsOf, kindOf, membersOf } from '../../server/request/json-text.ts';

const space = fc.string({ unit: fc.constantFrom(' ', '\n', '\t', '\r'), maxLength: 3 });
const value = fc
  .tuple(fc.jsonValue(), fc.constantFrom(0, 2))
  .map(([found, indent]) => JSON.stringify(found, null, indent));

test('the members of an object are the texts that were written', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ unit: 'binary' }), value)), space, (members, gap) => {
      const written = members.map(([key, text]) => `${gap}${JSON.stringify(key)}${gap}:${gap}${text}${gap}`);
      const object = `{${gap}${written.join(',')}}`;
      const found = [...membersOf(object, 0)].map(({ key, value: { start, end } }) => [
        key,
        object.slice(start, end),
      ]);
      expect(found).toEqual(members);
    }),
  );
});

test('the elements of an array are the texts that were written', () => {
  fc.assert(
    fc.property(fc.array(value), space, (elements, gap) => {
      const array = `[${gap}${elements.map((text) => `${gap}${text}${gap}`).join(',')}]`;
      expect([...elementsOf(array, 0)].map(({ start, end }) => array.slice(start, end))).toEqual(elements);
    }),
  );
});

test('the kind of a value shows in its first character', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (found) => {
      const kind =
        found === null
          ? 'null'
          : Array.isArray(found)
            ? 'array'
            : typeof found === 'object'
              ? 'object'
              : 'scalar';
      expect(kindOf(JSON.stringify(found))).toBe(kind);
    }),
  );
});
