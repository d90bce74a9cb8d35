/** The tables and relationships of `schema.sql`, as a reader of the documentation would list them. */
import type { Column, ColumnKind, Relationship, Table } from './ast.ts';

const columns = (of: Readonly<Record<string, ColumnKind>>, computed = false): Column[] =>
  Object.entries(of).map(([name, kind]) => ({ name, kind, computed }));

const works = columns({
  id: 'integer',
  house_id: 'integer',
  editor_id: 'integer',
  sequel_of: 'integer',
  owner: 'text',
  title: 'text',
  genre: 'enum',
  price: 'numeric',
  sold: 'integer',
  weight: 'float',
  active: 'boolean',
  printed: 'date',
  changed: 'timestamp',
  tags: 'texts',
  scores: 'integers',
  span: 'range',
  meta: 'json',
  words: 'lexemes',
});

export const TABLES: readonly Table[] = [
  { name: 'works', key: ['id'], columns: [...works, ...columns({ label: 'text' }, true)] },
  {
    name: 'houses',
    key: ['id'],
    columns: columns({ id: 'integer', name: 'text', motto: 'text', founded: 'date' }),
  },
  {
    name: 'people',
    key: ['id'],
    columns: columns({ id: 'integer', name: 'text', born: 'date', email: 'text' }),
  },
  {
    name: 'covers',
    key: ['work_id'],
    columns: columns({ work_id: 'integer', artist: 'text', 'net.mass (kg)': 'numeric', size: 'json' }),
  },
  {
    name: 'notes',
    key: ['id'],
    columns: [
      ...columns({ id: 'integer', work_id: 'integer', author: 'text', stars: 'integer', body: 'text' }),
      ...columns({ rank: 'integer' }, true),
    ],
  },
  {
    name: 'credits',
    key: ['work_id', 'person_id'],
    columns: columns({ work_id: 'integer', person_id: 'integer', role: 'text', share: 'numeric' }),
  },
  {
    name: 'catalogue',
    key: ['id'],
    columns: works.filter(({ name }) =>
      ['id', 'house_id', 'title', 'price', 'printed', 'tags'].includes(name),
    ),
  },
];

/** A foreign key, seen from the table that has it (to-one) or from the one that it refers to. */
const key = (
  from: string,
  column: string,
  to: string,
  other: string,
  how: { toOne: boolean; name?: string; hint?: string },
): Relationship => ({
  name: how.name ?? to,
  hint: how.hint ?? null,
  from,
  to,
  toOne: how.toOne,
  on: (parent, child) => `${child}.${other} = ${parent}.${column}`,
});

const credited = (from: string, to: string, isWork: boolean, hint?: string): Relationship => ({
  name: to,
  hint: hint ?? null,
  from,
  to,
  toOne: false,
  on: (parent, child) =>
    `exists (select from credits j where j.work_id = ${isWork ? parent : child}.id` +
    ` and j.person_id = ${isWork ? child : parent}.id)`,
});

const ONE = { toOne: true };
const MANY = { toOne: false };

export const RELATIONSHIPS: readonly Relationship[] = [
  key('works', 'house_id', 'houses', 'id', ONE),
  key('works', 'house_id', 'houses', 'id', { ...ONE, name: 'house_id' }),
  key('works', 'editor_id', 'people', 'id', { ...ONE, hint: 'works_editor_fkey' }),
  key('works', 'editor_id', 'people', 'id', { ...ONE, name: 'works_editor_fkey' }),
  key('works', 'id', 'covers', 'work_id', ONE),
  key('works', 'id', 'notes', 'work_id', MANY),
  key('works', 'id', 'credits', 'work_id', MANY),
  key('works', 'sequel_of', 'works', 'id', { ...ONE, name: 'sequel_of' }),
  key('works', 'id', 'works', 'sequel_of', MANY),
  key('works', 'sequel_of', 'works', 'id', { ...ONE, name: 'prequel' }),
  key('works', 'id', 'works', 'sequel_of', { ...MANY, name: 'sequels' }),
  credited('works', 'people', true, 'credits'),
  key('houses', 'id', 'works', 'house_id', MANY),
  key('houses', 'id', 'catalogue', 'house_id', MANY),
  key('people', 'id', 'works', 'editor_id', { ...MANY, hint: 'editor_id' }),
  key('people', 'id', 'credits', 'person_id', MANY),
  credited('people', 'works', false, 'credits'),
  credited('people', 'catalogue', false),
  key('covers', 'work_id', 'works', 'id', ONE),
  key('covers', 'work_id', 'catalogue', 'id', ONE),
  key('notes', 'work_id', 'works', 'id', ONE),
  key('notes', 'work_id', 'catalogue', 'id', ONE),
  key('credits', 'work_id', 'works', 'id', ONE),
  key('credits', 'person_id', 'people', 'id', ONE),
  key('catalogue', 'house_id', 'houses', 'id', ONE),
  key('catalogue', 'id', 'notes', 'work_id', MANY),
  key('catalogue', 'id', 'covers', 'work_id', ONE),
  credited('catalogue', 'people', true),
];

/** A table by its name. */
export function tableCalled(name: string): Table {
  const found = TABLES.find((table) => table.name === name);
  if (!found) throw new Error(`the model has no table ${name}`);
  return found;
}
