/**
 * What is remembered between requests: the schema of a role under a catalog and settings; operations by their
 * document; and for each structure of their variables the statements. A new catalog or new settings forget all of it.
 */
import { type GraphQLInputType, type GraphQLSchema, getNamedType, isInputObjectType } from 'graphql';
import { LRUCache } from 'lru-cache';
import type { Catalog, Relation } from '../catalog/types.ts';
import { judgeOf } from '../catalog/visible.ts';
import type { QualifiedName } from '../names.ts';
import type { PlanContext, PlanOptions } from '../plan/context.ts';
import { costLimitWhere } from '../plan/cost.ts';
import type { DocumentStep, RootValue } from '../plan/document.ts';
import { isAggregating } from '../plan/document-columns.ts';
import { isComputed } from '../plan/document-functions.ts';
import { refuseUnprotectedRelations } from '../plan/protect.ts';
import { renderDocument, renderDocumentCost } from '../query/document.ts';
import type { Statement } from '../query/statement.ts';
import { type CostGuard, createCostGuard } from '../rest/cost.ts';
import type { SessionPlan } from '../rest/session.ts';
import { isFieldEnum } from './field-enum.ts';
import type { StructureRules, Variables } from './input.ts';
import { structureOf } from './input.ts';
import { buildModel, isIntrospected, type Model } from './model.ts';
import { parseCursor, parseNodeId } from './node-id.ts';
import { type DocumentLimits, type Operation, readOperation } from './operation.ts';
import type { SlotReader } from './planner.ts';
import { type PlannedRoot, type PlannedStep, planRoot, type RootEntry } from './root.ts';
import { buildSchema } from './schema.ts';

/** A statement with what its values are read with. */
export interface PreparedStep extends Omit<PlannedStep, 'step'> {
  readonly statement: Statement;
  readonly isWrite: boolean;
  /** Names the statement's text under its role; equal for equal texts. Null = too long to be kept prepared. */
  readonly key: string | null;
  readonly slots: readonly SlotReader[];
  /** What its session depends on besides who asks. */
  readonly session: SessionPlan;
  /** What it may cost, and whether that is known; null = there is no limit. */
  readonly cost: { readonly guard: CostGuard; readonly explain: Statement } | null;
}

/** An operation whose variables have a certain structure. */
export interface Prepared {
  readonly entries: readonly RootEntry[];
  readonly steps: readonly PreparedStep[];
  /** What its statements read and write, but for what functions do. */
  readonly relations: readonly QualifiedName[];
  /** Functions take part in what is read. */
  readonly isComputed: boolean;
}

/** What a role's requests are answered with. */
export interface RoleSchema {
  readonly schema: GraphQLSchema;
  /** The part of it that introspection shows; null = none. */
  readonly introspected: () => GraphQLSchema | null;
  /** The operation of a document. Throws DocumentError. */
  readonly operationOf: (document: string, operationName: string | null) => Operation;
  /** The statements of an operation. Throws GraphQLError and ApiError for what cannot be planned. */
  readonly preparedOf: (operation: Operation, variables: Variables) => Prepared;
}

export interface RoleSchemas {
  readonly of: (catalog: Catalog, settings: SchemaSettings, role: string) => RoleSchema;
}

/** The settings that schemas depend on; as long as they are the same object, so are the schemas. */
export interface SchemaSettings extends PlanOptions, DocumentLimits {
  readonly graphqlIntrospection: readonly string[];
  readonly graphqlExtensions: boolean;
  readonly dbPlanCacheSize: number;
}

/** Schemas of so many roles are kept at once. */
const MOST_ROLES = 8;
/** A longer document or statement costs more to keep than to make again; it is hardly asked for twice. */
const LONGEST_KEPT = 64 * 1024;
/** Structures of variables of one operation. */
const MOST_STRUCTURES = 64;

const RULES: StructureRules = {
  isRow: (type) => isInputObjectType(type) && /(?:Insert|UpdateByPk)Input$/.test(type.name),
  ofList: (type, values) => (isFieldEnum(getNamedType(type).name) ? JSON.stringify(values) : '*'),
  ofLeaf: (type, value) => {
    const { name } = getNamedType(type);
    if (name === 'Cursor')
      return parseCursor(value)
        .map((item) => (item === null ? '~' : '*'))
        .join('');
    if (name !== 'ID') return '*';
    const { schema, relation, key } = parseNodeId(value);
    return JSON.stringify([schema, relation, key.length]);
  },
};

const structureOfAll = ({ variables: defined, conditions }: Operation, variables: Variables): string =>
  defined
    .map(([name, type]: readonly [string, GraphQLInputType]) =>
      conditions.has(name) ? String(variables[name]) : structureOf(type, variables[name], RULES),
    )
    .join(';');

/** The model without the tables of schemas that introspection does not show; null = it shows nothing. */
function introspectedModel(model: Model, role: string, shownTo: readonly string[]): Model | null {
  if (shownTo.includes('*') || shownTo.includes(role)) return model;
  if (!shownTo.includes('comments')) return null;
  const { catalog } = model;
  const shown = new Set(catalog.schemas.filter((schema) => isIntrospected(catalog, schema) === true));
  if (shown.size === 0) return null;
  if (shown.size === catalog.schemas.length) return model;
  return {
    ...model,
    tables: new Map([...model.tables].filter(([, { relation }]) => shown.has(relation.name.schema))),
    catalog: {
      ...catalog,
      routines: new Map(
        [...catalog.routines].filter(([, [first]]) => first !== undefined && shown.has(first.name.schema)),
      ),
    },
  };
}

/** Makes and remembers the schemas of roles. */
export function createRoleSchemas(): RoleSchemas {
  const byCatalog = new WeakMap<Catalog, WeakMap<object, LRUCache<string, RoleSchema>>>();
  const ids = new LRUCache<string, number>({ max: 10_000 });
  let lastId = 0;
  const idOf = (text: string): number | null => {
    if (text.length > LONGEST_KEPT) return null;
    const known = ids.get(text);
    if (known !== undefined) return known;
    lastId += 1;
    ids.set(text, lastId);
    return lastId;
  };
  const make = (catalog: Catalog, settings: SchemaSettings, role: string): RoleSchema =>
    createRoleSchema({ catalog, role, options: settings }, settings, idOf);
  const rolesOf = (catalog: Catalog, settings: SchemaSettings): LRUCache<string, RoleSchema> => {
    let bySettings = byCatalog.get(catalog);
    if (bySettings === undefined) {
      bySettings = new WeakMap();
      byCatalog.set(catalog, bySettings);
    }
    let byRole = bySettings.get(settings);
    if (byRole === undefined) {
      byRole = new LRUCache({ max: MOST_ROLES });
      bySettings.set(settings, byRole);
    }
    return byRole;
  };
  return {
    of: (catalog, settings, role) => {
      const byRole = rolesOf(catalog, settings);
      const known = byRole.get(role);
      if (known) return known;
      const made = make(catalog, settings, role);
      byRole.set(role, made);
      return made;
    },
  };
}

function createRoleSchema(
  context: PlanContext,
  settings: SchemaSettings,
  idOf: (text: string) => number | null,
): RoleSchema {
  const model = buildModel(context.catalog, judgeOf(context.catalog, context.role));
  const { graphqlExtensions } = settings;
  const schema = buildSchema(model, graphqlExtensions);
  const shown = introspectedModel(model, context.role, settings.graphqlIntrospection);
  let shownSchema = shown === model ? schema : null;
  const operations = new LRUCache<string, Operation>({ max: Math.max(settings.dbPlanCacheSize, 1) });
  const prepared = new WeakMap<Operation, LRUCache<string, Prepared>>();

  const prepare = (operation: Operation, variables: Variables): Prepared => {
    const relations = new Set<Relation>();
    const slots: SlotReader[] = [];
    let aliases = 0;
    const root = planRoot(
      {
        schema,
        model,
        context,
        scope: { fragments: operation.fragments, variables },
        slot: (read) => {
          slots.push(read);
          return { kind: 'slot', index: slots.length - 1 };
        },
        alias: () => {
          aliases += 1;
          return `pgrst_related_${aliases}`;
        },
        touch: (relation) => void relations.add(relation),
      },
      operation.definition,
      operation.type,
    );
    refuseUnprotectedRelations(context, [...relations]);
    return {
      entries: root.entries,
      steps: stepsOf(context, root, slots, idOf, operation.isMutation),
      relations: [...relations].map(({ name }) => name),
      isComputed: root.steps.some(({ step }) => step.kind === 'read' && isComputed(step.values)),
    };
  };

  return {
    schema,
    introspected: () => {
      if (shown === null) return null;
      shownSchema ??= buildSchema(shown, graphqlExtensions);
      return shownSchema;
    },
    operationOf: (document, operationName) => {
      // no valid document begins with a name and a NUL
      const key = operationName === null ? document : `${operationName}\0${document}`;
      const known = operations.get(key);
      if (known) return known;
      const operation = readOperation(schema, document, operationName, settings);
      if (settings.dbPlanCacheSize > 0 && key.length <= LONGEST_KEPT) operations.set(key, operation);
      return operation;
    },
    preparedOf: (operation, variables) => {
      const structure = structureOfAll(operation, variables);
      let byStructure = prepared.get(operation);
      if (byStructure === undefined) {
        byStructure = new LRUCache({ max: MOST_STRUCTURES });
        prepared.set(operation, byStructure);
      }
      const known = byStructure.get(structure);
      if (known) return known;
      const made = prepare(operation, variables);
      if (structure.length <= LONGEST_KEPT) byStructure.set(structure, made);
      return made;
    },
  };
}

/** Only reads have a limit: what writes and functions cost is in no estimate. */
function costOf(context: PlanContext, step: DocumentStep): PreparedStep['cost'] {
  if (step.kind === 'write' || step.values.some(isCall)) return null;
  const guard = createCostGuard(costLimitWhere(context, isAggregating(step.values)), Date.now);
  return guard && { guard, explain: renderDocumentCost(step.values) };
}

const isCall = (value: RootValue): boolean =>
  value.kind === 'scalar' ||
  (value.kind === 'record' ? value.record : value.connection).source.kind === 'call';

function stepsOf(
  context: PlanContext,
  { steps }: PlannedRoot,
  slots: readonly SlotReader[],
  idOf: (text: string) => number | null,
  isMutation: boolean,
): readonly PreparedStep[] {
  const [schema = 'public', ...beside] = context.catalog.schemas;
  return steps.map(({ step, ...rest }) => {
    const statement = renderDocument(step);
    const session = {
      schema,
      beside,
      settings: rest.routines.flatMap(({ routine }) => routine.settings),
      readOnly: !isMutation,
      preferences: { timezone: null },
    };
    const isWrite = step.kind === 'write';
    const id = idOf(statement.text);
    return {
      ...rest,
      statement,
      isWrite,
      key: id === null ? null : `${context.role} graphql ${id}`,
      slots,
      session,
      cost: costOf(context, step),
    };
  });
}
