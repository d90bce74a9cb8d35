/**
 * What `aura gen` can print: the targets of codegen/, which print a model of the schema, and what rooms of the server
 * say of the catalog themselves. The latter are entered here.
 */
import { buildModel, ModelError, type Target, targets } from '../../codegen/index.ts';
import type { Catalog } from '../catalog/types.ts';
import { StartError } from '../errors/start.ts';

export interface GenOptions {
  /** Of those that are exposed; empty = all. */
  readonly schemas: readonly string[];
  readonly brandDomains: boolean;
  readonly trustForeignKeys: boolean;
  /** One of the target's formats. */
  readonly format: string;
}

/** A target of the command line. */
export interface GenTarget {
  readonly summary: string;
  /** Its forms, the default first; a form is also the end of a file's name. */
  readonly formats: readonly string[];
  /** @throws StartError for what the user can mend */
  readonly print: (catalog: Catalog, options: GenOptions) => Promise<string>;
}

const fromModel = ({ summary, formats, print }: Target): GenTarget => ({
  summary,
  formats,
  print: async (catalog, options) => {
    try {
      return print(buildModel(catalog, options), options);
    } catch (error) {
      if (error instanceof ModelError) throw new StartError(error.message, null, error);
      throw error;
    }
  },
});

/** A document describes one schema: the first one, or the one that is asked for. */
const openapi: GenTarget = {
  summary: 'OpenAPI 3.1 of everything that is exposed, as JSON or YAML',
  formats: ['json', 'yaml'],
  print: async (catalog, { schemas, format }) => {
    const [schema = catalog.schemas[0], second] = schemas;
    if (schema === undefined || !catalog.schemas.includes(schema) || second !== undefined) {
      throw new StartError(
        'An OpenAPI document describes one exposed schema.',
        `Name it with --schema: ${catalog.schemas.join(', ')}.`,
      );
    }
    const { describeAll } = await import('./gen-openapi.ts');
    return describeAll(catalog, schema, format);
  },
};

/** One GraphQL schema is made of all exposed schemas; of those that are asked for it is as if no others were. */
const graphql: GenTarget = {
  summary: 'the GraphQL schema of everything that is exposed; extended: as graphql-extensions makes it',
  formats: ['graphql', 'extended'],
  print: async (catalog, { schemas, format }) => {
    const unknown = schemas.find((name) => !catalog.schemas.includes(name));
    if (unknown !== undefined) {
      throw new StartError(
        `The schema "${unknown}" is not one of those that are exposed: ${catalog.schemas.join(', ')}.`,
        null,
      );
    }
    const { printDefinition } = await import('../graphql/definition.ts');
    return printDefinition(catalog, schemas.length === 0 ? catalog.schemas : schemas, format === 'extended');
  },
};

/** By name. */
export const genTargets: ReadonlyMap<string, GenTarget> = new Map<string, GenTarget>([
  ...[...targets].map(([name, target]) => [name, fromModel(target)] as const),
  ['openapi', openapi],
  ['graphql', graphql],
]);
