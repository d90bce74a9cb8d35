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

/** By name. */
export const genTargets: ReadonlyMap<string, GenTarget> = new Map(
  [...targets].map(([name, target]) => [name, fromModel(target)]),
);
