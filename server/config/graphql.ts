/**
 * Settings of GraphQL.
 */
import { boolean, integer, list, text, textWhere } from './kinds.ts';
import { ownSetting } from './setting.ts';

const isPath = (path: string): boolean => /^(?:\/[\w.~-]+)+$/.test(path);

export const graphqlSettings = {
  'graphql-enabled': ownSetting(boolean, true, {
    description: 'Whether GraphQL is served.',
  }),
  'graphql-prefix': ownSetting(
    textWhere('a path that begins with / and does not end with it', isPath),
    '/graphql/v1',
    { description: 'The path under which GraphQL is served.' },
  ),
  'graphql-introspection': ownSetting(list('names of roles, `*`, or `comments`'), ['comments'], {
    description:
      'Whose introspection is answered: roles by name, `*` for everyone, nothing for nobody. With `comments` each exposed schema\'s comment decides for everyone (`@graphql({"introspection": true})`), and without one nothing is answered. `aura dev` answers everyone.',
    reloadable: true,
    inDatabase: true,
    keepsEmpty: true,
  }),
  'graphql-extensions': ownSetting(boolean, false, {
    description:
      'Whether the GraphQL schema has what pg_graphql does not: filters and orders by related tables, nested inserts, upserts, further operators, distinct rows, groups, subscriptions.',
    reloadable: true,
    inDatabase: true,
  }),
  'graphql-documents': ownSetting(text('a path'), null, {
    description:
      'A JSON file with trusted documents by their ids, which clients may send in place of the document (`documentId`, or the digest of `extensions.persistedQuery`). It is read at the start.',
    defaultNote: 'none',
  }),
  'graphql-documents-only': ownSetting(boolean, false, {
    description: 'Whether no other documents are run than those of `graphql-documents`.',
    reloadable: true,
  }),
  'graphql-ui': ownSetting(boolean, false, {
    description:
      'Whether browsers that open the path of GraphQL get GraphiQL. `aura dev` serves it, `aura start` only where told to.',
    reloadable: true,
  }),
  'graphql-max-document-size': ownSetting(integer(1, 10_485_760, 'characters'), 102_400, {
    description: 'The longest document of an operation.',
    reloadable: true,
  }),
  'graphql-max-depth': ownSetting(integer(1, 1000), 30, {
    description:
      'How deep the fields of an operation may be nested. A connection and its rows are three levels.',
    reloadable: true,
  }),
  'graphql-max-fields': ownSetting(integer(1, 1_000_000), 1000, {
    description:
      'How many fields an operation may select, those of a fragment counted wherever it is spread.',
    reloadable: true,
  }),
  'graphql-max-aliases': ownSetting(integer(0, 1_000_000), 100, {
    description: 'How many fields of an operation may have an alias, counted likewise.',
    reloadable: true,
  }),
  'graphql-max-subscriptions': ownSetting(integer(0, 100_000), 100, {
    description:
      'How many operations a connection by WebSocket may have open at a time. All subscriptions of a process together are bounded by `realtime-max-streams`.',
    reloadable: true,
  }),
  'graphql-max-batch': ownSetting(integer(0, 1000), 10, {
    description: 'How many operations one request may hold as a list. 0 takes no lists.',
    reloadable: true,
  }),
} as const;
