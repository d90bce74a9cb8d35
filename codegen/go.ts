/** Go: structs with JSON tags, laid out as gofmt does. A field that can be null, or left out, is a pointer. */

import { type Declarations, declare } from './declaration.ts';
import type { Model, Scalar, TypeReference } from './model.ts';
import { createNamer, pascalCase, quote } from './text.ts';

const SCALARS: Readonly<Record<Scalar, string>> = {
  boolean: 'bool',
  smallint: 'int16',
  integer: 'int32',
  bigint: 'int64',
  numeric: 'json.Number',
  real: 'float32',
  double: 'float64',
  text: 'string',
  uuid: 'string',
  date: 'string',
  time: 'string',
  timetz: 'string',
  timestamp: 'string',
  timestamptz: 'time.Time',
  interval: 'string',
  bytea: 'string',
  range: 'string',
  tsvector: 'string',
  network: 'string',
  bits: 'string',
  void: 'struct{}',
  unknown: 'json.RawMessage',
};

interface Member {
  readonly name: string;
  readonly type: string;
  readonly isPointer: boolean;
  readonly isOmitted: boolean;
}

/** Nil says null already. */
const hasNil = (type: string): boolean => type.startsWith('[]') || type === 'json.RawMessage';

/** A tag knows no backquote, and encoding/json no quote, comma or backslash in a name. */
const canTag = (name: string): boolean => !/[`"\\,]/.test(name) && name !== '-';

/** `go doc` reads what stands before a declaration. */
const comment = (text: string | null): string =>
  text === null
    ? ''
    : text
        .split(/\r?\n/)
        .map((line) => `// ${line}`.trimEnd())
        .join('\n')
        .concat('\n');

const printStruct = (name: string, members: readonly Member[], said: string | null): string => {
  const spell = createNamer(pascalCase);
  const cells = members
    .filter((member) => canTag(member.name))
    .map((member) => [
      spell(member.name),
      `${member.isPointer && !hasNil(member.type) ? '*' : ''}${member.type}`,
      `\`json:"${member.name}${member.isOmitted ? ',omitempty' : ''}"\``,
    ]);
  if (cells.length === 0) return `\n${comment(said)}type ${name} struct{}\n`;
  const width = (column: number): number => Math.max(...cells.map((row) => [...(row[column] ?? '')].length));
  const [names, types] = [width(0), width(1)];
  const lines = cells.map(
    ([field = '', type = '', tag = '']) => `\t${field.padEnd(names)} ${type.padEnd(types)} ${tag}`,
  );
  return `\n${comment(said)}type ${name} struct {\n${lines.join('\n')}\n}\n`;
};

const printEnum = (
  name: string,
  labels: readonly string[],
  said: string | null,
  constant: (name: string) => string,
): string => {
  const names = labels.map((label) => constant(`${name} ${label}`));
  const width = Math.max(0, ...names.map((one) => [...one].length));
  const lines = names.map((one, i) => `\t${one.padEnd(width)} ${name} = ${quote(labels[i] ?? '')}`);
  const constants = lines.length === 0 ? '' : `\nconst (\n${lines.join('\n')}\n)\n`;
  return `\n${comment(said)}type ${name} string\n${constants}`;
};

const createPrinter = (names: Declarations) => {
  const print = (type: TypeReference): string => {
    switch (type.kind) {
      case 'scalar':
        return SCALARS[type.scalar];
      case 'array':
        return `[]${print(type.of)}`;
      case 'enum':
        return names.nameOf(type.type) ?? 'string';
      case 'composite':
        return names.nameOf(type.type) ?? 'json.RawMessage';
      case 'domain':
        return print(type.type.base);
      case 'row':
        return names.rowOf(type.relation) ?? 'json.RawMessage';
      case 'json':
      case 'record':
        return 'json.RawMessage';
    }
  };
  return print;
};

/** The model as one Go file of the package `database`. */
export const printGo = (model: Model): string => {
  const names = declare(model, pascalCase, []);
  const print = createPrinter(names);
  const taken = [
    ...[...names.enums, ...names.composites, ...names.functions].map(({ name }) => name),
    ...names.relations.flatMap(({ row, insert, update }) => [row, insert ?? '', update ?? '']),
  ];
  const constant = createNamer(pascalCase, taken);
  const member = (name: string, type: TypeReference, isPointer: boolean, isOmitted: boolean): Member => ({
    name,
    type: print(type),
    isPointer,
    isOmitted,
  });
  const parts: string[] = [];
  for (const { name, type } of names.enums) parts.push(printEnum(name, type.labels, type.comment, constant));
  for (const { name, type } of names.composites) {
    parts.push(
      printStruct(
        name,
        type.attributes.map((one) => member(one.name, one.type, true, false)),
        type.comment,
      ),
    );
  }
  for (const { relation, row, insert, update } of names.relations) {
    const { fields } = relation;
    const written = fields.filter((field) => field.insert !== 'never');
    parts.push(
      printStruct(
        row,
        fields.map((field) => member(field.name, field.type, field.nullable, false)),
        relation.comment,
      ),
    );
    if (insert !== null) {
      const members = written.map((field) => {
        const isOptional = field.insert === 'optional';
        return member(field.name, field.type, isOptional || field.acceptsNull, isOptional);
      });
      parts.push(printStruct(insert, members, null));
    }
    if (update !== null) {
      parts.push(
        printStruct(
          update,
          written.map((field) => member(field.name, field.type, true, true)),
          null,
        ),
      );
    }
  }
  for (const { name, fn } of names.functions) {
    const members = fn.parameters.map((one) => member(one.name, one.type, true, !one.required));
    parts.push(printStruct(name, members, fn.comment));
  }
  const body = parts.join('');
  const imports = [
    ...(body.includes('json.') ? ['"encoding/json"'] : []),
    ...(body.includes('time.Time') ? ['"time"'] : []),
  ];
  const header =
    "// Code generated by aura gen go from the database's schema. DO NOT EDIT.\n\npackage database\n";
  const imported =
    imports.length === 0 ? '' : `\nimport (\n${imports.map((one) => `\t${one}`).join('\n')}\n)\n`;
  return `${header}${imported}${body}`;
};
