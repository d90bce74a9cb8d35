/** What languages with named types declare: each thing of the model under a name of its own, in one order. */
import type { CompositeType, EnumType, Model, ModelFunction, ModelRelation, Reference } from './model.ts';
import { createNamer } from './text.ts';

export interface Declarations {
  readonly enums: readonly { readonly name: string; readonly type: EnumType }[];
  readonly composites: readonly { readonly name: string; readonly type: CompositeType }[];
  /** A name is null where there is nothing of the kind: a view that takes no rows. */
  readonly relations: readonly {
    readonly relation: ModelRelation;
    readonly row: string;
    readonly insert: string | null;
    readonly update: string | null;
  }[];
  /** The arguments of functions that take any, one for each overload. */
  readonly functions: readonly { readonly name: string; readonly fn: ModelFunction }[];
  /** Null: of another schema. */
  readonly nameOf: (type: EnumType | CompositeType) => string | null;
  readonly rowOf: (relation: Reference) => string | null;
}

/**
 * @param spell how the language writes the name of a type
 * @param reserved names that are taken
 */
export const declare = (
  model: Model,
  spell: (name: string) => string,
  reserved: readonly string[],
): Declarations => {
  const name = createNamer(spell, reserved);
  // names of other schemas than the first have their schema before them
  const prefixOf = (schema: string): string => (schema === model.schemas[0]?.name ? '' : `${schema} `);
  const named = <T extends Reference>(types: readonly T[]) =>
    types.map((type) => ({ name: name(`${prefixOf(type.schema)}${type.name}`), type }));
  const enums = model.schemas.flatMap((schema) => named(schema.enums));
  const composites = model.schemas.flatMap((schema) => named(schema.composites));
  const relations = model.schemas.flatMap((schema) =>
    schema.relations.map((relation) => {
      const full = `${prefixOf(relation.schema)}${relation.name}`;
      return {
        relation,
        row: name(`${full} row`),
        insert: relation.insertable ? name(`${full} insert`) : null,
        update: relation.updatable ? name(`${full} update`) : null,
      };
    }),
  );
  const functions = model.schemas.flatMap((schema) =>
    schema.functions.flatMap((group) =>
      group.overloads
        .filter(
          (fn) => fn.callable && fn.parameters.length > 0 && fn.parameters.every((one) => one.name !== ''),
        )
        .map((fn) => ({ name: name(`${prefixOf(schema.name)}${group.name} args`), fn })),
    ),
  );
  const keyOf = (reference: Reference): string => JSON.stringify([reference.schema, reference.name]);
  const types = new Map([...enums, ...composites].map((one) => [keyOf(one.type), one.name]));
  const rows = new Map(relations.map((one) => [keyOf(one.relation), one.row]));
  return {
    enums,
    composites,
    relations,
    functions,
    nameOf: (type) => types.get(keyOf(type)) ?? null,
    rowOf: (relation) => rows.get(keyOf(relation)) ?? null,
  };
};
