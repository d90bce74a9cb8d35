/**
 * The catalog as one role may see it: relations, columns, routines and relationships that its grants reach, for
 * descriptions of the API (OpenAPI, GraphQL) and for hints in errors. It decides nothing about access: PostgreSQL
 * does that on every statement.
 */
import { nameKey, type QualifiedName } from '../names.ts';
import { deepFreeze } from './freeze.ts';
import type { Catalog, Column, Grant, Relation, Relationship, Role, Routine } from './types.ts';

/** What a role has by being a member of PostgreSQL's predefined roles, on every relation. */
const PREDEFINED: ReadonlyMap<string, readonly string[]> = new Map([
  ['pg_read_all_data', ['USAGE', 'SELECT']],
  ['pg_write_all_data', ['USAGE', 'INSERT', 'UPDATE', 'DELETE']],
]);

const NARROWED = new WeakMap<Catalog, Map<string, Catalog>>();

/**
 * The catalog without what `role` has no privilege on, its own or inherited. Of a relation remain the columns it may
 * select, insert or update; `insertable`, `updatable` and `deletable` then also ask for the privilege. A superuser
 * sees the catalog itself; a role the database does not know sees what everyone may. Answers for one catalog and
 * role are the same object.
 */
export const visibleTo = (catalog: Catalog, role: string): Catalog => {
  const known = catalog.roles.get(role);
  if (known?.superuser === true) return catalog;
  let byRole = NARROWED.get(catalog);
  if (byRole === undefined) {
    byRole = new Map();
    NARROWED.set(catalog, byRole);
  }
  // Role names come from claims: unknown ones share an entry, or anybody could fill the memory with them.
  const key = known === undefined ? '' : role;
  let narrowed = byRole.get(key);
  if (narrowed === undefined) {
    narrowed = narrow(catalog, createJudge(catalog, known));
    byRole.set(key, narrowed);
  }
  return narrowed;
};

/** What a role may do with one column. */
export interface ColumnAccess {
  readonly select: boolean;
  readonly insert: boolean;
  readonly update: boolean;
}

/** The privileges of `role` on columns, for relations as the catalog or `visibleTo` has them. */
export const columnAccessOf = (
  catalog: Catalog,
  role: string,
): ((relation: Relation, column: Column) => ColumnAccess) => {
  const known = catalog.roles.get(role);
  if (known?.superuser === true) return () => ({ select: true, insert: true, update: true });
  const { may } = createJudge(catalog, known);
  const has = (relation: Relation, column: Column, privilege: string): boolean =>
    may(relation.grants, privilege) || may(column.grants, privilege);
  return (relation, column) => ({
    select: has(relation, column, 'SELECT'),
    insert: has(relation, column, 'INSERT'),
    update: has(relation, column, 'UPDATE'),
  });
};

/** Whether the role has one of some privileges by a list of grants. */
export interface Judge {
  readonly may: (grants: readonly Grant[], ...privileges: readonly string[]) => boolean;
  readonly mayUse: (schema: string) => boolean;
}

const EVERYTHING: Judge = { may: () => true, mayUse: () => true };

/** Everything in some schemas, whoever asks: for descriptions of all that is exposed. */
export const judgeOfAll = (schemas: readonly string[]): Judge => ({
  may: () => true,
  mayUse: (schema) => schemas.includes(schema),
});

/** What the role may do, its own or inherited: anything, where it is a superuser. */
export const judgeOf = (catalog: Catalog, role: string): Judge => {
  const known = catalog.roles.get(role);
  return known?.superuser === true ? EVERYTHING : createJudge(catalog, known);
};

const createJudge = (catalog: Catalog, role: Role | undefined): Judge => {
  const acting = actingRoles(catalog, role);
  const everywhere = new Set([...acting].flatMap((name) => PREDEFINED.get(name) ?? []));
  // Lists of grants are shared between objects, so one look at each is enough.
  const held = new Map<readonly Grant[], ReadonlySet<string>>();
  const privilegesBy = (grants: readonly Grant[]): ReadonlySet<string> => {
    let privileges = held.get(grants);
    if (privileges === undefined) {
      privileges = new Set(grants.filter((g) => acting.has(g.grantee)).map((g) => g.privilege));
      held.set(grants, privileges);
    }
    return privileges;
  };
  const may: Judge['may'] = (grants, ...privileges) =>
    privileges.some((privilege) => everywhere.has(privilege) || privilegesBy(grants).has(privilege));
  return {
    may,
    mayUse: (schema) => may(catalog.schemaGrants.get(schema) ?? [], 'USAGE'),
  };
};

/** The role, everyone, and all whose privileges the role inherits, however far. */
const actingRoles = (catalog: Catalog, role: Role | undefined): ReadonlySet<string> => {
  const acting = new Set(['PUBLIC']);
  const queue = role === undefined ? [] : [role.name];
  for (const name of queue) {
    if (acting.has(name)) continue;
    acting.add(name);
    queue.push(...(catalog.roles.get(name)?.inheritsFrom ?? []));
  }
  return acting;
};

const narrow = (catalog: Catalog, judge: Judge): Catalog => {
  const relations = new Map<string, Relation>();
  for (const [key, relation] of catalog.relations) {
    const narrowed = narrowRelation(relation, judge);
    if (narrowed !== null) relations.set(key, narrowed);
  }
  const relationships = new Map<string, readonly Relationship[]>();
  for (const [key, list] of catalog.relationships) {
    const seen = list.filter((relationship) => sees(relationship, relations, judge));
    if (seen.length > 0) relationships.set(key, seen);
  }
  const routines = new Map<string, readonly Routine[]>();
  for (const [key, overloads] of catalog.routines) {
    const seen = overloads.filter((r) => judge.mayUse(r.name.schema) && judge.may(r.grants, 'EXECUTE'));
    if (seen.length > 0) routines.set(key, seen);
  }
  const publications = new Map(
    [...catalog.publications].map(([name, publication]) => {
      const tables = publication.tables.filter((table) => relations.has(nameKey(table.schema, table.name)));
      return [name, { name, tables }];
    }),
  );
  return deepFreeze({ ...catalog, relations, relationships, routines, publications });
};

const narrowRelation = (relation: Relation, judge: Judge): Relation | null => {
  if (!judge.mayUse(relation.name.schema)) return null;
  const may = (privilege: string): boolean => judge.may(relation.grants, privilege);
  const mayOn = (column: Column, ...privileges: readonly string[]): boolean =>
    judge.may(relation.grants, ...privileges) || judge.may(column.grants, ...privileges);
  const all = [...relation.columns.values()];
  const seen = all.filter((column) => mayOn(column, 'SELECT', 'INSERT', 'UPDATE'));
  const hasAny = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'].some(may);
  if (!hasAny && seen.length === 0) return null;

  const computed = [...relation.computedColumns].filter(
    ([, column]) => judge.mayUse(column.routine.schema) && judge.may(column.grants, 'EXECUTE'),
  );
  const columns = new Map(seen.map((column) => [column.name, column]));
  const isSeen = (names: readonly string[]): boolean => names.every((name) => columns.has(name));
  return {
    ...relation,
    insertable: relation.insertable && (may('INSERT') || all.some((column) => mayOn(column, 'INSERT'))),
    updatable: relation.updatable && (may('UPDATE') || all.some((column) => mayOn(column, 'UPDATE'))),
    deletable: relation.deletable && may('DELETE'),
    primaryKey: isSeen(relation.primaryKey) ? relation.primaryKey : [],
    uniqueKeys: relation.uniqueKeys.filter(isSeen),
    columns,
    computedColumns: new Map(computed),
  };
};

/** Both ends and the junction with the columns that join them, or the function. */
const sees = (
  relationship: Relationship,
  relations: ReadonlyMap<string, Relation>,
  judge: Judge,
): boolean => {
  const shows = (name: QualifiedName, columns: readonly string[]): boolean => {
    const relation = relations.get(nameKey(name.schema, name.name));
    return relation !== undefined && columns.every((column) => relation.columns.has(column));
  };
  const { source, target } = relationship;
  switch (relationship.kind) {
    case 'computed':
      return (
        shows(source, []) &&
        shows(target, []) &&
        judge.mayUse(relationship.routine.schema) &&
        judge.may(relationship.grants, 'EXECUTE')
      );
    case 'many-to-many': {
      const { junction, sourceColumns, targetColumns } = relationship;
      return (
        shows(source, firsts(sourceColumns)) &&
        shows(target, firsts(targetColumns)) &&
        shows(junction, [...seconds(sourceColumns), ...seconds(targetColumns)])
      );
    }
    default:
      return shows(source, firsts(relationship.columns)) && shows(target, seconds(relationship.columns));
  }
};

const firsts = (pairs: readonly (readonly [string, string])[]): readonly string[] =>
  pairs.map(([first]) => first);
const seconds = (pairs: readonly (readonly [string, string])[]): readonly string[] =>
  pairs.map(([, second]) => second);
