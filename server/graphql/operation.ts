/**
 * A document becomes an operation: parsed, measured, validated, and the one operation of it chosen that is to run.
 */
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  isInputType,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  type SelectionSetNode,
  specifiedRules,
  typeFromAST,
  validate,
} from 'graphql';
import type { Fragments } from './selection.ts';

/** The limits of documents; see docs/settings.md. */
export interface DocumentLimits {
  readonly graphqlMaxDocumentSize: number;
  readonly graphqlMaxDepth: number;
  readonly graphqlMaxFields: number;
  readonly graphqlMaxAliases: number;
}

/** An operation that may run. */
export interface Operation {
  readonly document: DocumentNode;
  readonly definition: OperationDefinitionNode;
  readonly fragments: Fragments;
  readonly type: GraphQLObjectType;
  readonly isMutation: boolean;
  readonly isSubscription: boolean;
  /** Variables by name, with their types. */
  readonly variables: readonly (readonly [name: string, type: GraphQLInputType])[];
  /** Variables that decide by their value which fields are there. */
  readonly conditions: ReadonlySet<string>;
}

/** A refusal of a document: nothing of it is run. */
export class DocumentError extends Error {
  override readonly name = 'DocumentError';
  readonly errors: readonly GraphQLError[];

  constructor(errors: readonly GraphQLError[]) {
    super(errors[0]?.message ?? 'The document cannot be run');
    this.errors = errors;
  }
}

const refuse = (message: string, hint: string): DocumentError =>
  new DocumentError([new GraphQLError(message, { extensions: { hint } })]);

interface Size {
  readonly fields: number;
  readonly aliases: number;
  readonly depth: number;
}

/** Measures a selection with all fragments in their places; one that contains itself is measured once. */
function createMeasure(fragments: Fragments): (set: SelectionSetNode) => Size {
  const known = new Map<string, Size>();
  const nothing: Size = { fields: 0, aliases: 0, depth: 0 };
  const ofFragment = (name: string): Size => {
    const size = known.get(name);
    if (size) return size;
    known.set(name, nothing);
    const fragment = fragments.get(name);
    const measured = fragment ? ofSet(fragment.selectionSet) : nothing;
    known.set(name, measured);
    return measured;
  };
  const ofSet = (set: SelectionSetNode): Size => {
    let [fields, aliases, depth] = [0, 0, 0];
    for (const node of set.selections) {
      // GraphQL's own questions are answered from memory, and are deep by nature
      if (node.kind === Kind.FIELD && node.name.value.startsWith('__')) continue;
      const inner =
        node.kind === Kind.FRAGMENT_SPREAD
          ? ofFragment(node.name.value)
          : node.selectionSet
            ? ofSet(node.selectionSet)
            : nothing;
      const own = node.kind === Kind.FIELD ? 1 : 0;
      fields += inner.fields + own;
      aliases += inner.aliases + (node.kind === Kind.FIELD && node.alias ? 1 : 0);
      depth = Math.max(depth, inner.depth + own);
    }
    return { fields, aliases, depth };
  };
  return ofSet;
}

function refuseLarge({ fields, aliases, depth }: Size, limits: DocumentLimits): void {
  const check = (what: string, found: number, most: number, setting: string): void => {
    if (found <= most) return;
    throw refuse(
      `The operation ${what.replace('%', String(found))}, at most ${most} are allowed`,
      `${setting} has the limit.`,
    );
  };
  check('selects % fields', fields, limits.graphqlMaxFields, 'graphql-max-fields');
  check('has % aliases', aliases, limits.graphqlMaxAliases, 'graphql-max-aliases');
  check('nests % levels of fields', depth, limits.graphqlMaxDepth, 'graphql-max-depth');
}

function parseDocument(source: string, limits: DocumentLimits): DocumentNode {
  const most = limits.graphqlMaxDocumentSize;
  if (source.length > most) {
    throw refuse(
      `The document has ${source.length} characters, at most ${most} are read`,
      'graphql-max-document-size has the limit.',
    );
  }
  try {
    return parse(source, { maxTokens: Math.max(1000, limits.graphqlMaxFields * 20) });
  } catch (error) {
    if (error instanceof GraphQLError) throw new DocumentError([error]);
    throw error;
  }
}

function chooseOperation(
  operations: readonly OperationDefinitionNode[],
  name: string | null,
): OperationDefinitionNode {
  const [only, ...others] = operations;
  if (name !== null) {
    const named = operations.find((operation) => operation.name?.value === name);
    if (named) return named;
    throw new DocumentError([new GraphQLError(`Unknown operation named "${name}".`)]);
  }
  if (only === undefined) throw new DocumentError([new GraphQLError('Must provide an operation.')]);
  if (others.length === 0) return only;
  throw new DocumentError([
    new GraphQLError('Must provide operation name if query contains multiple operations.'),
  ]);
}

/** Names of variables in `@skip` and `@include`, wherever they stand in the document. */
function conditionsOf(document: DocumentNode): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (set: SelectionSetNode): void => {
    for (const node of set.selections) {
      for (const directive of node.directives ?? []) {
        for (const { value } of directive.arguments ?? []) {
          if (value.kind === Kind.VARIABLE) found.add(value.name.value);
        }
      }
      if (node.kind !== Kind.FRAGMENT_SPREAD && node.selectionSet) visit(node.selectionSet);
    }
  };
  for (const definition of document.definitions) {
    if ('selectionSet' in definition) visit(definition.selectionSet);
  }
  return found;
}

/** Reads a document against a schema. Throws DocumentError. */
export function readOperation(
  schema: GraphQLSchema,
  source: string,
  operationName: string | null,
  limits: DocumentLimits,
): Operation {
  const document = parseDocument(source, limits);
  const fragments = new Map<string, FragmentDefinitionNode>();
  const operations: OperationDefinitionNode[] = [];
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
    else if (definition.kind === Kind.OPERATION_DEFINITION) operations.push(definition);
  }
  // before validation, which takes its time over what is large
  const measure = createMeasure(fragments);
  for (const { selectionSet } of operations) refuseLarge(measure(selectionSet), limits);
  const errors = validate(schema, document, specifiedRules, { maxErrors: 20 });
  if (errors.length > 0) throw new DocumentError(errors);
  const definition = chooseOperation(operations, operationName);
  const type = schema.getRootType(definition.operation);
  if (!type) {
    throw new DocumentError([
      new GraphQLError(`There are no operations of the type ${definition.operation}.`, {
        nodes: definition,
        ...(definition.operation === OperationTypeNode.SUBSCRIPTION
          ? { extensions: { hint: 'Subscriptions are an extension: graphql-extensions switches them on.' } }
          : {}),
      }),
    ]);
  }
  return {
    document,
    definition,
    fragments,
    type,
    isMutation: definition.operation === OperationTypeNode.MUTATION,
    isSubscription: definition.operation === OperationTypeNode.SUBSCRIPTION,
    variables: (definition.variableDefinitions ?? []).flatMap(({ variable, type: node }) => {
      const found = typeFromAST(schema, node);
      return isInputType(found) ? [[variable.name.value, found] as const] : [];
    }),
    conditions: conditionsOf(document),
  };
}
