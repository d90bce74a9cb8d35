/** The publisher's database of fixture.sql, loaded as a catalog. */
import { readFileSync } from 'node:fs';
import { loadCatalog } from '../../server/catalog/load.ts';
import type { Catalog, Column, Relation, Relationship, Routine } from '../../server/catalog/types.ts';
import { nameKey } from '../../server/names.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { connectCatalog } from './connect.ts';

export const FIXTURE_SQL = readFileSync(new URL('fixture.sql', import.meta.url), 'utf8');

export const FIXTURE_OPTIONS = {
  schemas: ['api', 'archive'],
  extraSearchPath: ['public'],
  hoistedSettings: ['statement_timeout', 'default_transaction_isolation'],
} as const;

export interface PublisherFixture {
  readonly database: TestDatabase;
  readonly catalog: Catalog;
  close(): Promise<void>;
}

/** A fresh copy of the database, and its catalog as `authenticator` reads it. */
export const loadPublisher = async (): Promise<PublisherFixture> => {
  const database = await createDatabase(FIXTURE_SQL);
  const connection = await connectCatalog(database.authenticatorUri);
  const catalog = await loadCatalog(connection.query, FIXTURE_OPTIONS);
  await connection.close();
  return { database, catalog, close: () => database.close() };
};

/** The relation of schema `api`; fails where it is not in the catalog. */
export const relation = (catalog: Catalog, name: string): Relation => {
  const found = catalog.relations.get(nameKey('api', name));
  if (found === undefined) throw new Error(`no relation ${name}`);
  return found;
};

export const column = (catalog: Catalog, relationName: string, name: string): Column => {
  const found = relation(catalog, relationName).columns.get(name);
  if (found === undefined) throw new Error(`no column ${relationName}.${name}`);
  return found;
};

export const routines = (catalog: Catalog, name: string): readonly Routine[] =>
  catalog.routines.get(nameKey('api', name)) ?? [];

/** Relationships from a relation of schema `api`, to one target if it is named, as lines of text in their order. */
export const links = (catalog: Catalog, source: string, target?: string): readonly string[] =>
  (catalog.relationships.get(nameKey('api', source)) ?? [])
    .filter((relationship) => target === undefined || relationship.target.name === target)
    .map(describeLink);

const describeLink = (link: Relationship): string => {
  const pairs = (columns: readonly (readonly [string, string])[]): string =>
    columns.map(([from, to]) => `${from}=${to}`).join(',');
  switch (link.kind) {
    case 'computed':
      return `${link.target.name} computed ${link.routine.schema}.${link.routine.name} ${link.toOne ? 'one' : 'many'}`;
    case 'many-to-many':
      return (
        `${link.target.name} many-to-many ${link.junction.name} ` +
        `${link.sourceConstraint}(${pairs(link.sourceColumns)}) ${link.targetConstraint}(${pairs(link.targetColumns)})`
      );
    default: {
      const end = link.kind === 'one-to-one' ? (link.sourceHoldsKey ? ' holding' : ' held') : '';
      return `${link.target.name} ${link.kind}${end} ${link.constraint}(${pairs(link.columns)})`;
    }
  }
};
