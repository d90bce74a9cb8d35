/**
 * `require-rls`: a plan touches only relations that are protected, unless the role is not bound by Row-Level
 * Security or the relation's comment waives the rule.
 */
import { isServable, protectionRemedy } from '../catalog/protection.ts';
import type { Relation } from '../catalog/types.ts';
import { visibleTo } from '../catalog/visible.ts';
import { apiError } from '../errors/codes.ts';
import { displayName, nameKey } from '../names.ts';
import type { PlanContext } from './context.ts';
import { relationOf } from './fields.ts';
import type { ReadPlan } from './types.ts';

function relationsOf(context: PlanContext, plan: ReadPlan): Relation[] {
  const { source, attachment } = plan;
  const names = [
    ...(source.kind === 'relation' ? [source.name] : []),
    ...(attachment?.junction ? [attachment.junction] : []),
  ];
  return [
    ...names.flatMap((name) => relationOf(context, name) ?? []),
    ...plan.children.flatMap((child) => relationsOf(context, child)),
  ];
}

/** Throws AURA200 if the plan, or the relation that is written, is not protected for the role. */
export const refuseUnprotected = (context: PlanContext, written: Relation | null, plan: ReadPlan): void =>
  refuseUnprotectedRelations(context, [...(written ? [written] : []), ...relationsOf(context, plan)]);

/** Throws AURA200 if one of the relations is not protected for the role. */
export function refuseUnprotectedRelations(context: PlanContext, relations: readonly Relation[]): void {
  if (context.options.requireRls !== 'enforce') return;
  const role = context.catalog.roles.get(context.role);
  for (const relation of relations) {
    if (!isServable(relation, role)) throw unprotected(context, relation);
  }
}

function unprotected(context: PlanContext, relation: Relation): Error {
  const { schema, name } = relation.name;
  const details =
    'With require-rls = enforce, roles that Row-Level Security binds get protected relations only.';
  // a junction is not named by the request: to name one that the role may not see would tell of it
  if (!visibleTo(context.catalog, context.role).relations.has(nameKey(schema, name))) {
    return apiError('AURA200', 'A relation that the request needs is not protected', { details });
  }
  return apiError('AURA200', `The ${relation.kind} '${displayName(relation.name)}' is not protected`, {
    details,
    hint: protectionRemedy(relation),
  });
}
