/** What a role sees: the schema narrowed to its grants, rows to its policies, introspection to what is shown. */
import { buildClientSchema, getIntrospectionQuery, validateSchema } from 'graphql';
import { describe, expect, test } from 'vitest';
import { useLibrary } from './fixture.ts';

const library = useLibrary();
const open = useLibrary({ 'graphql-introspection': '*' });
const closed = useLibrary({ 'graphql-introspection': 'authenticated' });
const strict = useLibrary({ 'require-rls': 'enforce' });

const NAMES =
  '{ __schema { types { name } queryType { fields { name } } mutationType { fields { name } } } }';
const namesOf = (list: { name: string }[]) => list.map(({ name }) => name);

describe('the schema', () => {
  test('has of each role what it may', async () => {
    const anon = (await library.data(NAMES)).__schema;
    const editor = (await library.data(NAMES, { as: 'authenticated' })).__schema;
    expect(anon.mutationType).toBeNull();
    expect(namesOf(editor.mutationType.fields)).toContain('insertIntoBookCollection');
    expect(namesOf(anon.queryType.fields)).not.toContain('hiddenCollection');
    expect(namesOf(anon.queryType.fields)).not.toContain('echoAll');
    expect(namesOf(anon.queryType.fields)).not.toContain('keylessCollection');
    expect(namesOf(editor.queryType.fields)).toContain('echoAll');
    expect(namesOf(anon.types)).not.toContain('BookInsertInput');
  });

  test('is a valid one, introspected whole', async () => {
    const data = await open.data(getIntrospectionQuery({ inputValueDeprecation: true }), {
      as: 'authenticated',
    });
    expect(validateSchema(buildClientSchema(data))).toEqual([]);
  });

  test('a reference to a table under policies may be null', async () => {
    const { __type } = await library.data('{ __type(name: "Hint") { fields { name type { kind } } } }');
    expect(__type.fields.find(({ name }: { name: string }) => name === 'secret').type.kind).toBe('OBJECT');
    const book = await library.data('{ __type(name: "Book") { fields { name type { kind } } } }');
    const author = book.__type.fields.find(({ name }: { name: string }) => name === 'author');
    expect(author.type.kind).toBe('NON_NULL');
  });

  test('has the descriptions of comments', async () => {
    const { __type } = await library.data(
      '{ __type(name: "Author") { description fields { name description } } }',
    );
    expect(__type.description).toBe('Someone who writes');
    expect(__type.fields.find(({ name }: { name: string }) => name === 'born').description).toBe(
      'The day of birth',
    );
  });
});

describe('introspection', () => {
  test('shows by comments only the schemas that say so; the others serve all the same', async () => {
    const data = await library.data(
      '{ __type(name: "Note") { name } noteCollection { edges { node { text } } } }',
    );
    expect(data).toEqual({ __type: null, noteCollection: { edges: [] } });
    expect((await open.data('{ __type(name: "Note") { name } }')).__type).toEqual({ name: 'Note' });
  });

  test('is answered to the roles that are named', async () => {
    const query = '{ __schema { queryType { name } } add(a: 1) }';
    expect((await closed.post(query)).json).toEqual({
      data: { add: 2 },
      errors: [{ message: 'Unknown field "__schema" on type Query' }],
    });
    expect(await closed.data(query, { as: 'authenticated' })).toEqual({
      __schema: { queryType: { name: 'Query' } },
      add: 2,
    });
  });
});

describe('rows', () => {
  test('are those of the policies', async () => {
    const query =
      '{ secretCollection { edges { node { word } } } hintCollection { edges { node { id secret { word } } } } }';
    const data = await library.data(query, { as: { role: 'authenticated', sub: 'ann' } });
    expect(data).toEqual({
      secretCollection: { edges: [{ node: { word: 'blue' } }] },
      hintCollection: {
        edges: [{ node: { id: 1, secret: { word: 'blue' } } }, { node: { id: 2, secret: null } }],
      },
    });
    expect((await library.data(query)).secretCollection.edges).toEqual([]);
  });

  test('of relations without policies are not served where they must have some', async () => {
    const [error] = await strict.errors('{ bookCollection { edges { node { id } } } }');
    expect([error.message, error.extensions.code]).toEqual([
      `The table 'lib.book' is not protected`,
      'AURA200',
    ]);
    const data = await strict.data('{ secretCollection { edges { node { id } } } }');
    expect(data.secretCollection.edges).toEqual([]);
    const [related] = await strict.errors('{ hintCollection { edges { node { secret { id } } } } }');
    expect(related.extensions.code).toBe('AURA200');
  });

  test('one prepared operation serves each role its own', async () => {
    const query = '{ authorByPk(id: 1) { fullName cheap { edges { node { id } } } } }';
    await library.data(query, { as: 'authenticated' });
    expect((await library.errors(query))[0].message).toContain('Cannot query field "cheap" on type "Author"');
    await library.data(query, { as: 'authenticated' });
  });
});
