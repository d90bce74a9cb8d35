/**
 * How tables refer to each other (pg_graphql's documentation, "Relationships" and "Relationship's Field"): along
 * foreign keys, those of the database and those that a comment declares, seen from both ends.
 */
import type { ColumnPair, Relation } from '../catalog/types.ts';
import { nameKey } from '../names.ts';
import { directiveOf, objectsIn, textIn, textsIn } from './directive.ts';
import { lowerFirst, referentOf } from './inflection.ts';
import { columnOf, type Model, type Table, tableOf } from './model.ts';

/** A field that leads to rows of another table. */
export interface Reference {
  readonly field: string;
  readonly target: Table;
  readonly toOne: boolean;
  /** Its columns hold the target's key, rather than the target's columns the own one. */
  readonly holdsKey: boolean;
  /** Whether there may be no such row, or none that the role sees. */
  readonly nullable: boolean;
  /** Pairs [own column, column of the target]. */
  readonly columns: readonly ColumnPair[];
}

/** A foreign key from the table that holds it. */
interface Key {
  readonly holder: Table;
  readonly referenced: Table;
  readonly columns: readonly ColumnPair[];
  /** Names of the field at the holder, and of that at the referenced table. */
  readonly foreignName: string | null;
  readonly localName: string | null;
  readonly isSecured: boolean;
}

const isReadable = (table: Table, names: readonly string[]): boolean =>
  names.every((name) => columnOf(table, name)?.selectable === true);

function declaredKeys(model: Model, holder: Table): Key[] {
  return objectsIn(holder.directive, 'foreign_keys').flatMap((item) => {
    const local = textsIn(item, 'local_columns') ?? [];
    const foreign = textsIn(item, 'foreign_columns') ?? [];
    const schema = textIn(item, 'foreign_schema') ?? '';
    const referenced = tableOf(model, { schema, name: textIn(item, 'foreign_table') ?? '' });
    if (!referenced || local.length === 0 || local.length !== foreign.length) return [];
    return [
      {
        holder,
        referenced,
        columns: local.map((name, index): ColumnPair => [name, foreign[index] ?? '']),
        foreignName: textIn(item, 'foreign_name'),
        localName: textIn(item, 'local_name'),
        isSecured: referenced.relation.rowSecurity.enabled,
      },
    ];
  });
}

function databaseKeys(model: Model, holder: Table): Key[] {
  const { schema, name } = holder.relation.name;
  const found = model.catalog.relationships.get(nameKey(schema, name)) ?? [];
  return found.flatMap((relationship) => {
    if (relationship.kind !== 'many-to-one' && relationship.kind !== 'one-to-one') return [];
    if (!relationship.sourceHoldsKey || relationship.sourceIsView || relationship.targetIsView) return [];
    const referenced = tableOf(model, relationship.target);
    if (!referenced) return [];
    const directive = directiveOf(relationship.comment);
    return [
      {
        holder,
        referenced,
        columns: relationship.columns,
        foreignName: textIn(directive, 'foreign_name'),
        localName: textIn(directive, 'local_name'),
        isSecured: referenced.relation.rowSecurity.enabled,
      },
    ];
  });
}

/** Whether at most one row of the relation has the same values in these columns. */
const isUnique = ({ uniqueIndexes }: Relation, names: readonly string[]): boolean =>
  uniqueIndexes.some((index) => index.length > 0 && index.every((name) => names.includes(name)));

function fieldOf({ target, override, columns, unique }: FieldNaming): string {
  if (override !== null) return override;
  const own = lowerFirst(target.name);
  if (!unique) return `${own}Collection`;
  const [only, ...others] = columns;
  const referent = only !== undefined && others.length === 0 ? referentOf(only, target.inflect) : null;
  return referent === null || referent === '' ? own : referent;
}

interface FieldNaming {
  readonly target: Table;
  readonly override: string | null;
  readonly columns: readonly string[];
  readonly unique: boolean;
}

function atHolder({ referenced, holder, columns, foreignName, isSecured }: Key): Reference {
  const own = columns.map(([local]) => local);
  const isRequired = own.some((name) => columnOf(holder, name)?.column.nullable === false);
  return {
    field: fieldOf({ target: referenced, override: foreignName, columns: own, unique: true }),
    target: referenced,
    toOne: true,
    holdsKey: true,
    nullable: !isRequired || isSecured,
    columns,
  };
}

function atReferenced({ holder, columns, localName }: Key): Reference {
  const local = columns.map(([name]) => name);
  const foreign = columns.map(([, name]) => name);
  const unique = isUnique(holder.relation, local);
  return {
    field: fieldOf({ target: holder, override: localName, columns: foreign, unique }),
    target: holder,
    toOne: unique,
    holdsKey: false,
    nullable: true,
    columns: columns.map(([own, other]): ColumnPair => [other, own]),
  };
}

/** All references by their table, those that a table holds first. */
export function buildReferences(model: Model): ReadonlyMap<Table, readonly Reference[]> {
  const held = new Map<Table, Reference[]>();
  const received = new Map<Table, Reference[]>();
  for (const table of model.tables.values()) {
    held.set(table, []);
    received.set(table, []);
  }
  for (const table of model.tables.values()) {
    for (const key of [...databaseKeys(model, table), ...declaredKeys(model, table)]) {
      const [local, foreign] = [key.columns.map(([name]) => name), key.columns.map(([, name]) => name)];
      if (!isReadable(key.holder, local) || !isReadable(key.referenced, foreign)) continue;
      held.get(key.holder)?.push(atHolder(key));
      received.get(key.referenced)?.push(atReferenced(key));
    }
  }
  return new Map(
    [...model.tables.values()].map((table) => [
      table,
      [...(held.get(table) ?? []), ...(received.get(table) ?? [])],
    ]),
  );
}
