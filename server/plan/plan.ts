/**
 * Request → Plan: everything that the catalog can decide is decided here. What a plan guarantees: each
 * relation and function in it exists and is served to the role; each relationship is the only one meant.
 * Permissions are not checked: PostgreSQL does that.
 */

import type { Relation, Routine } from '../catalog/types.ts';
import { visibleTo } from '../catalog/visible.ts';
import { apiError } from '../errors/codes.ts';
import { suggestOne } from '../errors/suggest.ts';
import { displayName, nameKey, type QualifiedName } from '../names.ts';
import type { Action, Request } from '../request/ast.ts';
import { restrict } from '../request/range.ts';
import { findRoutine, planCall } from './call.ts';
import type { PlanContext } from './context.ts';
import { costLimitOf } from './cost.ts';
import { planMutation } from './mutate.ts';
import { type Negotiated, negotiate, negotiateDocument } from './negotiate.ts';
import { flatKeysOf, planNested } from './nested.ts';
import { planPage, refusePage } from './page.ts';
import { refuseUnprotected } from './protect.ts';
import { legacyNames, planRead } from './read.ts';
import type {
  Handler,
  InfoPlan,
  NestedPlan,
  Plan,
  ReadPlan,
  RelationPlan,
  RoutinePlan,
  StreamPlan,
  WritePlan,
} from './types.ts';

/** Plans a request. Throws ApiError for everything that the catalog cannot satisfy. */
export function planRequest(context: PlanContext, request: Request): Plan {
  const { action, schema } = request;
  switch (action.kind) {
    case 'read':
      return planRelation(context, request, action);
    case 'mutate':
      return action.mutation === 'insert'
        ? planInsert(context, request, action)
        : planWrite(context, request, action);
    case 'call':
      return planRoutine(context, request, action);
    case 'root':
      return planRoot(context, request);
    case 'describe relation':
      return { kind: 'allow', allow: allowedOn(findRelation(context, { schema, name: action.relation })) };
    case 'describe routine':
      return { kind: 'allow', allow: allowedOnRoutine(context, request, { schema, name: action.routine }) };
    case 'describe root':
      return { kind: 'allow', allow: 'OPTIONS,GET,HEAD' };
  }
}

/** A name must be this close to be suggested for a relation. */
const CLOSE = 0.75;
/** In larger schemas the search would cost more than the hint is worth. */
const MOST_TO_SEARCH = 500;

function findRelation(context: PlanContext, name: QualifiedName): Relation {
  const relation = context.catalog.relations.get(nameKey(name.schema, name.name));
  if (relation) return relation;
  const visible = [...visibleTo(context.catalog, context.role).relations.values()].flatMap((other) =>
    other.name.schema === name.schema ? [other.name.name] : [],
  );
  const nearest = visible.length < MOST_TO_SEARCH ? suggestOne(name.name, visible, CLOSE) : null;
  throw apiError('PGRST205', `Could not find the table '${displayName(name)}' in the schema cache`, {
    hint: nearest === null ? null : `Perhaps you meant the table '${name.schema}.${nearest}'`,
  });
}

function refuseInvalidPreferences(request: Request): void {
  const { handling, invalid } = request.preferences;
  if (handling !== 'strict' || invalid.length === 0) return;
  throw apiError('PGRST122', 'Invalid preferences given with handling=strict', {
    details: `Invalid preferences: ${invalid.join(', ')}`,
  });
}

const wholeRows = (read: ReadPlan): boolean =>
  read.children.length === 0 &&
  read.select.length === 1 &&
  read.select[0]?.field.name === '*' &&
  read.select[0].aggregate === null;

function commonParts(context: PlanContext, request: Request) {
  const { preferences, schema, profiled } = request;
  return {
    preferences,
    schema,
    profiled,
    isolation: null,
    settings: [],
    maxRows: context.options.dbMaxRows,
    stream: null,
    legacyNames: context.options.urlUseLegacyTargetNames ? legacyNames(request) : [],
  };
}

function chooseHandler(
  context: PlanContext,
  request: Request,
  identity: QualifiedName,
  read: ReadPlan,
): Negotiated {
  const what = { identity, wholeRows: wholeRows(read) };
  return negotiate(context.catalog, what, request.accept, context.options.dbPlanEnabled);
}

function streamOf(
  { options }: PlanContext,
  request: Request,
  { handler, mediaType }: Negotiated,
): StreamPlan | null {
  if (handler.kind !== 'lines' || mediaType.kind === 'plan') return null;
  const maxRows = options.dbMaxStreamRows;
  return { format: handler.format, range: restrict(request.range, maxRows), maxRows };
}

const NO_BODY: Handler = { kind: 'none' };

function planRelation(
  context: PlanContext,
  request: Request,
  action: Extract<Action, { kind: 'read' }>,
): RelationPlan {
  const relation = findRelation(context, { schema: request.schema, name: action.relation });
  const { name } = relation;
  const source = { kind: 'relation', name, alias: null } as const;
  const read = planRead(
    context,
    request.schema,
    { relation: name, source, range: request.range, isResultOfWrite: false },
    request,
  );
  refuseUnprotected(context, relation, read);
  const negotiated = chooseHandler(context, request, name, read);
  const { handler, mediaType } = negotiated;
  refuseInvalidPreferences(request);
  const page = planPage(context, request.page, relation, read);
  return {
    ...commonParts(context, request),
    // the links of a page are known when its last row is
    stream: page === null ? streamOf(context, request, negotiated) : null,
    kind: 'read',
    relation: name,
    head: action.head,
    page,
    costLimit: costLimitOf(context, read),
    read: page === null ? read : { ...read, range: { offset: 0, limit: page.size } },
    handler: action.head ? NO_BODY : handler,
    mediaType,
    readOnly: true,
  };
}

function planWrite(
  context: PlanContext,
  request: Request,
  action: Extract<Action, { kind: 'mutate' }>,
): WritePlan {
  const relation = findRelation(context, { schema: request.schema, name: action.relation });
  const { name } = relation;
  const source = { kind: 'result', alias: name.name } as const;
  const read = planRead(
    context,
    request.schema,
    { relation: name, source, range: request.range, isResultOfWrite: true },
    request,
  );
  refuseUnprotected(context, relation, read);
  const mutate = planMutation(context, request, relation, action.mutation, read);
  refuseInvalidPreferences(request);
  const { handler, mediaType } = chooseHandler(context, request, name, read);
  return {
    ...commonParts(context, request),
    kind: 'write',
    relation: name,
    mutation: action.mutation,
    mutate,
    namesConflict: request.onConflict !== null,
    read,
    handler: request.preferences.representation === 'full' ? handler : NO_BODY,
    mediaType,
    readOnly: false,
  };
}

/** An insert of rows, or of a body that nests rows of other relations. */
function planInsert(
  context: PlanContext,
  request: Request,
  action: Extract<Action, { kind: 'mutate' }>,
): WritePlan | NestedPlan {
  const keys = flatKeysOf(context, request, { schema: request.schema, name: action.relation });
  if (keys === null) return planWrite(context, request, action);
  const { payload } = request;
  const isObject = (payload?.kind === 'json' || payload?.kind === 'unread json') && payload.isObject;
  const write = planWrite(context, { ...request, payload: { kind: 'json', keys, isObject } }, action);
  const { mutate } = write;
  if (mutate.kind !== 'insert') throw new Error(`an insert was planned as ${mutate.kind}`);
  return planNested(context, request, write, mutate);
}

/** The relation whose columns and relationships a function's rows have, as far as it has any. */
function resultRelation(context: PlanContext, routine: Routine): QualifiedName {
  const { kind, type } = routine.returns;
  if (kind !== 'composite') return routine.name;
  const exposed = context.catalog.relations.has(nameKey(type.schema, type.name));
  return exposed ? type : { schema: routine.name.schema, name: type.name };
}

function planRoutine(
  context: PlanContext,
  request: Request,
  action: Extract<Action, { kind: 'call' }>,
): RoutinePlan {
  const routine = findRoutine(context, { schema: request.schema, name: action.routine }, request);
  const relation = resultRelation(context, routine);
  const source = { kind: 'result', alias: relation.name } as const;
  const root = { relation, source, range: request.range, isResultOfWrite: false };
  const read = planRead(context, request.schema, root, request);
  refuseUnprotected(context, null, read);
  const negotiated = chooseHandler(context, request, relation, read);
  const { handler, mediaType } = negotiated;
  refuseInvalidPreferences(request);
  const { preferences } = request;
  if (preferences.pagination !== null) throw refusePage('the rows of a function');
  const limited = preferences.maxAffected !== null && preferences.handling === 'strict';
  if (limited && !routine.returns.setOf) {
    throw apiError(
      'PGRST128',
      'Function must return SETOF or TABLE when max-affected preference is used with handling=strict',
    );
  }
  const head = action.method === 'HEAD';
  const readOnly = action.method !== 'POST' || routine.volatility !== 'volatile';
  return {
    ...commonParts(context, request),
    // what writes is answered when it is committed, and what is limited when its rows are counted
    stream: readOnly && !limited ? streamOf(context, request, negotiated) : null,
    kind: 'call',
    call: planCall(routine, request, read),
    head,
    read,
    handler: head ? NO_BODY : handler,
    mediaType,
    readOnly,
    isolation: routine.isolation,
    settings: routine.settings,
  };
}

function planRoot({ options }: PlanContext, request: Request): InfoPlan {
  const document = negotiateDocument(request.accept, options.openapiVersion);
  return { kind: 'root', schema: request.schema, profiled: request.profiled, document };
}

function allowedOn(relation: Relation): string {
  const { insertable, updatable, deletable, primaryKey } = relation;
  return [
    'OPTIONS,GET,HEAD',
    ...(insertable ? ['POST'] : []),
    ...(insertable && updatable && primaryKey.length > 0 ? ['PUT'] : []),
    ...(updatable ? ['PATCH'] : []),
    ...(deletable ? ['DELETE'] : []),
  ].join(',');
}

function allowedOnRoutine(context: PlanContext, request: Request, name: QualifiedName): string {
  const overloads = context.catalog.routines.get(nameKey(name.schema, name.name)) ?? [];
  const [only, another] = overloads;
  const routine = only && !another ? only : findRoutine(context, name, request);
  return routine.volatility === 'volatile' ? 'OPTIONS,POST' : 'OPTIONS,GET,HEAD,POST';
}
