/**
 * The path of a relation in OpenAPI 3.1, and the components that are its own.
 */
import type {
  OperationObject,
  ParameterObject,
  PathItemObject,
  ReferenceObject,
  RequestBodyObject,
  ResponseObject,
} from 'openapi3-ts/oas31';
import { failureRefs, headerRefs, parameterRefs, QUERY_PARAMETERS } from './convention.ts';
import { exampleOf, filterExampleOf } from './example.ts';
import type { DescribedColumn, DescribedRelation } from './model.ts';
import { proseOf } from './prose.ts';
import { mustBeGiven, type RelationNames } from './relation-schema.ts';
import { refTo, type Schema } from './type-schema.ts';

/** What the parts of a path need to know. */
export interface PathContext {
  readonly names: RelationNames;
  /** The name of the relation's own components, and of its operations. */
  readonly name: string;
  readonly tag: string;
  readonly mediaTypes: readonly string[];
  /** What the filter by a column is called. */
  readonly filterName: (column: string) => string;
  /** References to the headers that choose the schema, where it is not the default. */
  readonly readProfile: readonly ReferenceObject[];
  readonly writeProfile: readonly ReferenceObject[];
}

const rowsOf = (item: Schema): Schema => ({ type: 'array', items: item });

/** Columns of these names cannot be filtered by: the query string has another use for them. */
const OTHER_USE: ReadonlySet<string> = new Set(QUERY_PARAMETERS);

const isFilter = ({ column, access }: DescribedColumn): boolean =>
  access.select && !OTHER_USE.has(column.name);

/** Parameters of a relation: a filter for each column that the role may read. */
export function filterParameters(
  { columns }: DescribedRelation,
  { filterName }: PathContext,
): [string, ParameterObject][] {
  return columns.filter(isFilter).map(({ column }) => [
    filterName(column.name),
    {
      name: column.name,
      in: 'query',
      schema: refTo('schemas', 'rest.filter'),
      // in words: whoever tries a request out would send an `example` along, one for each column
      description: `For instance \`${filterExampleOf(column)}\`.`,
    },
  ]);
}

const filterRefs = ({ columns }: DescribedRelation, { filterName }: PathContext): ReferenceObject[] =>
  columns.filter(isFilter).map(({ column }) => refTo('parameters', filterName(column.name)));

/** Responses of a relation: what reads answer, and what writes do if that is asked for. */
export function rowResponses(
  { relation }: DescribedRelation,
  { names, name, mediaTypes }: PathContext,
): [string, ResponseObject][] {
  const item = refTo('schemas', names.item);
  const content = {
    'application/json': { schema: rowsOf(item) },
    'application/vnd.pgrst.object+json': { schema: item },
    'text/csv': { schema: { type: 'string' } as const },
  };
  const own = Object.fromEntries(mediaTypes.map((type) => [type, { schema: {} }]));
  const rows: ResponseObject = {
    description: 'Rows: an array, one object, CSV, or (NDJSON) one object a line.',
    headers: headerRefs('content-range', 'etag', 'link', 'preference-applied'),
    content: { ...content, 'application/x-ndjson': { schema: item }, ...own },
  };
  const written: ResponseObject = {
    description: 'The rows that were written, with `return=representation`; else nothing.',
    headers: headerRefs('content-range', 'location', 'preference-applied'),
    content,
  };
  const writes = relation.insertable || relation.updatable || relation.deletable;
  return [
    [`${name}.rows`, rows],
    ...(writes ? [[`${name}.written`, written] as [string, ResponseObject]] : []),
  ];
}

/** What an insert may look like: every column that must be given and has an example. */
function insertExample(described: DescribedRelation): Record<string, unknown> | undefined {
  const given = described.columns.filter((one) => one.access.insert && mustBeGiven(described, one));
  const example = given.map(({ column }) => [column.name, exampleOf(column)] as const);
  const known = example.every(([, value]) => value !== undefined);
  return known && example.length > 0 ? Object.fromEntries(example) : undefined;
}

function insertBody(described: DescribedRelation, { names }: PathContext): RequestBodyObject {
  const row = refTo('schemas', names.insert ?? names.row);
  const example = insertExample(described);
  return {
    required: true,
    description:
      'A row, or several; rows of related tables may be nested in it, under the names that `select` has for them.',
    content: {
      'application/json': {
        schema: { anyOf: [row, rowsOf(row)] },
        ...(example === undefined ? {} : { example }),
      },
      'text/csv': { schema: { type: 'string' } },
      'application/x-ndjson': { schema: row },
      'application/x-www-form-urlencoded': { schema: row },
    },
  };
}

const oneRow = (name: string): RequestBodyObject => ({
  required: true,
  content: { 'application/json': { schema: refTo('schemas', name) } },
});

const NO_CONTENT: ResponseObject = { description: 'Done; no body was asked for.' };

const READING = parameterRefs(
  'and',
  'or',
  'select',
  'order',
  'limit',
  'offset',
  'cursor',
  'range',
  'prefer.read',
  'if-none-match',
);
const INSERTING = parameterRefs('select', 'columns', 'on_conflict', 'prefer.insert');
const UPDATING = parameterRefs('and', 'or', 'select', 'columns', 'prefer.write', 'if-match');
const PUTTING = parameterRefs('select', 'columns', 'prefer.write', 'if-match', 'if-none-match');
const DELETING = parameterRefs('and', 'or', 'select', 'prefer.write', 'if-match');

const READ_FAILURES = failureRefs('400', '401', '403', '404', '406', '416', '503');
const INSERT_FAILURES = failureRefs('400', '401', '403', '404', '406', '409', '413', '503');
const UPDATE_FAILURES = failureRefs('400', '401', '403', '404', '406', '409', '412', '413', '503');
const PUT_FAILURES = failureRefs('400', '401', '403', '404', '409', '412', '413', '503');
const DELETE_FAILURES = failureRefs('400', '401', '403', '404', '406', '409', '412', '503');

/** What the operations of one path share. */
interface Frame {
  readonly described: DescribedRelation;
  readonly context: PathContext;
  readonly noun: string;
  /** By columns. */
  readonly filters: readonly ReferenceObject[];
  readonly written: ReferenceObject;
  readonly operation: (
    verb: string,
    summary: string,
    rest: Omit<OperationObject, 'summary'>,
  ) => OperationObject;
}

function readOperation({ described, context, noun, filters, operation }: Frame): OperationObject {
  const { relation } = described;
  const { summary, description } = proseOf(relation.comment);
  const text = `Answers rows of the ${relation.kind} that the caller may see.`;
  const rows = refTo('responses', `${context.name}.rows`);
  return operation('read', `Read ${noun}`, {
    description: [summary, description, text].filter((part) => part !== null).join('\n\n'),
    parameters: [...filters, ...READING, ...context.readProfile],
    responses: {
      '200': rows,
      '206': rows,
      '304': { description: 'Nothing has changed.' },
      ...READ_FAILURES,
    },
  });
}

const insertOperation = ({ described, context, noun, written, operation }: Frame): OperationObject =>
  operation('insert', `Insert into ${noun}`, {
    description: 'Inserts rows, or with `resolution=merge-duplicates` updates those that are there.',
    parameters: [...INSERTING, ...context.writeProfile],
    requestBody: insertBody(described, context),
    responses: {
      '200': written,
      '201': written,
      ...INSERT_FAILURES,
    },
  });

const updateOperation = ({ context, noun, filters, written, operation }: Frame): OperationObject =>
  operation('update', `Update ${noun}`, {
    description: 'Updates the rows that fit the filters; without a filter, all that the caller may update.',
    parameters: [...filters, ...UPDATING, ...context.writeProfile],
    requestBody: oneRow(context.names.update ?? context.names.row),
    responses: {
      '200': written,
      '204': NO_CONTENT,
      ...UPDATE_FAILURES,
    },
  });

const upsertOperation = ({ described, context, noun, written, operation }: Frame): OperationObject =>
  operation('upsert', `Put a row of ${noun}`, {
    description: 'Inserts or replaces one row, whose primary key the filters and the body name alike.',
    parameters: [
      ...described.columns
        .filter((one) => one.isKey && isFilter(one))
        .map(({ column }) => refTo('parameters', context.filterName(column.name))),
      ...PUTTING,
      ...context.writeProfile,
    ],
    requestBody: oneRow(context.names.insert ?? context.names.row),
    responses: {
      '200': written,
      '201': written,
      '204': NO_CONTENT,
      ...PUT_FAILURES,
    },
  });

const deleteOperation = ({ context, noun, filters, written, operation }: Frame): OperationObject =>
  operation('delete', `Delete from ${noun}`, {
    description: 'Deletes the rows that fit the filters; without a filter, all that the caller may delete.',
    parameters: [...filters, ...DELETING, ...context.writeProfile],
    responses: {
      '200': written,
      '204': NO_CONTENT,
      ...DELETE_FAILURES,
    },
  });

/** The operations that the relation allows and the role has a privilege for. */
export function relationPath(described: DescribedRelation, context: PathContext): PathItemObject {
  const { relation, readable } = described;
  const { insertable, updatable, deletable, primaryKey } = relation;
  const frame: Frame = {
    described,
    context,
    noun: relation.name.name,
    filters: filterRefs(described, context),
    written: refTo('responses', `${context.name}.written`),
    operation: (verb, summary, rest) => ({
      operationId: `${verb}_${context.name}`,
      tags: [context.tag],
      summary,
      ...rest,
    }),
  };
  return {
    ...(readable ? { get: readOperation(frame) } : {}),
    ...(insertable ? { post: insertOperation(frame) } : {}),
    ...(updatable ? { patch: updateOperation(frame) } : {}),
    ...(insertable && updatable && primaryKey.length > 0 ? { put: upsertOperation(frame) } : {}),
    ...(deletable ? { delete: deleteOperation(frame) } : {}),
  };
}
