/**
 * Names of database objects: a schema and a name, exactly as PostgreSQL stores them (unquoted, case kept).
 */

/** A schema-qualified name of a relation, routine or type. */
export interface QualifiedName {
  readonly schema: string;
  readonly name: string;
}

/**
 * The key under which the catalog's maps hold a qualified name.
 * A NUL byte can stand in no PostgreSQL identifier, so two names never share a key.
 */
export const nameKey = (schema: string, name: string): string => `${schema}\0${name}`;

/** Same schema and same name. */
export const sameName = (a: QualifiedName, b: QualifiedName): boolean =>
  a.schema === b.schema && a.name === b.name;

/** `schema.name` for messages that people read; never for SQL. */
export const displayName = (name: QualifiedName): string => `${name.schema}.${name.name}`;
