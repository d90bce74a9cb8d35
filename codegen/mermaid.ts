/** An entity-relationship diagram in Mermaid's notation: tables, their columns, and the foreign keys between them. */
import type { ForeignKey, Model, ModelRelation, Reference } from './model.ts';

/** An entity's name: quoted, since a table may be called anything; quotes themselves cannot be written. */
const entity = ({ schema, name }: Reference, defaultSchema: string | undefined): string => {
  const full = schema === defaultSchema ? name : `${schema}.${name}`;
  return /^[A-Za-z_]\w*$/.test(full) ? full : `"${full.replaceAll(/["\\%]/g, '_')}"`;
};

/** Attributes and types are words. */
const word = (text: string): string => {
  const plain = text.replaceAll(/[^\w[\]()-]+/g, '_').replaceAll(/^_+|_+$/g, '');
  return /^[A-Za-z_]/.test(plain) ? plain : `_${plain}`;
};

const remark = (text: string): string => text.split(/\r?\n/)[0]?.replaceAll('"', "'").trim() ?? '';

/** `text`, `public.hex_color` → `hex_color` in the default schema */
const shortType = (declared: string, defaultSchema: string | undefined): string =>
  word(
    defaultSchema !== undefined && declared.startsWith(`${defaultSchema}.`)
      ? declared.slice(defaultSchema.length + 1)
      : declared,
  );

/** The line between two tables: `||` one, `|o` one or none, `o{` any number. */
const crowFoot = (relation: ModelRelation, foreignKey: ForeignKey): string => {
  const isOptional = relation.fields.some(
    (field) => foreignKey.columns.includes(field.name) && field.nullable,
  );
  return `${isOptional ? '|o' : '||'}--${foreignKey.isOneToOne ? 'o|' : 'o{'}`;
};

/** The tables of a model, and those of their foreign keys that lead to tables: what a diagram shows. */
export const diagramOf = (model: Model): readonly (readonly [ModelRelation, readonly ForeignKey[]])[] =>
  model.schemas.flatMap(({ relations }) =>
    relations
      .filter(({ kind }) => kind === 'table')
      .map((relation) => [relation, relation.foreignKeys.filter(({ throughView }) => !throughView)] as const),
  );

/** `PK`, `FK`, `UK` of each column. */
export const marksOf = (relation: ModelRelation, column: string): readonly string[] => [
  ...(relation.primaryKey.includes(column) ? ['PK'] : []),
  ...(relation.foreignKeys.some(({ columns }) => columns.includes(column)) ? ['FK'] : []),
  ...(relation.uniqueKeys.some((columns) => columns.length === 1 && columns[0] === column) ? ['UK'] : []),
];

/** The diagram's text, `erDiagram ...`. */
export const printMermaid = (model: Model): string => {
  const defaultSchema = model.schemas[0]?.name;
  const lines = ['erDiagram'];
  const diagram = diagramOf(model);
  for (const [relation] of diagram) {
    lines.push(`  ${entity(relation, defaultSchema)} {`);
    for (const field of relation.fields.toSorted((a, b) => a.position - b.position)) {
      const marks = marksOf(relation, field.name).join(', ');
      const said = field.comment === null ? '' : ` "${remark(field.comment)}"`;
      const type = shortType(field.declaredType, defaultSchema);
      lines.push(`    ${type} ${word(field.name)}${marks === '' ? '' : ` ${marks}`}${said}`);
    }
    lines.push('  }');
  }
  for (const [relation, foreignKeys] of diagram) {
    for (const foreignKey of foreignKeys) {
      const ends = [entity(foreignKey.target, defaultSchema), entity(relation, defaultSchema)];
      lines.push(
        `  ${ends[0]} ${crowFoot(relation, foreignKey)} ${ends[1]} : "${foreignKey.columns.join(', ').replaceAll('"', "'")}"`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
};
