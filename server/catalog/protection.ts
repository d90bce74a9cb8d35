/**
 * The rule behind `require-rls`: a relation is protected where Row-Level Security, of its own or of what it
 * reads, holds for whoever asks. Anything else is served only where its comment waives the rule, by name and
 * with a reason:
 *
 *   comment on table countries is 'Countries. @aura(waive-rls: "the same public list for everyone")';
 */
import type { Catalog, Relation, Role } from './types.ts';

const WAIVER = /@aura\(\s*waive-rls\s*:\s*"((?:[^"\\]|\\.)*)"\s*\)/;

/** A table with Row-Level Security enabled, or a view that runs with its caller's permissions. */
export function isProtected(relation: Relation): boolean {
  switch (relation.kind) {
    case 'table':
    case 'partitioned table':
      return relation.rowSecurity.enabled;
    case 'view':
      return relation.securityInvoker;
    default:
      return false;
  }
}

/** The reason for which the relation's comment waives the rule; null where it does not, or gives no reason. */
export function waiverOf(relation: Pick<Relation, 'comment'>): string | null {
  const reason = WAIVER.exec(relation.comment ?? '')?.[1]
    ?.replaceAll(/\\(.)/g, '$1')
    .trim();
  return reason === undefined || reason === '' ? null : reason;
}

/** A comment as people should read it, without the waiver; null where nothing else is left. */
export function readableComment(comment: string | null): string | null {
  const text = comment?.replace(WAIVER, '').trim() ?? '';
  return text === '' ? null : text;
}

/**
 * Whether `require-rls = enforce` lets this role have the relation. A role that Row-Level Security does not
 * bind may have any; one that the catalog does not know (undefined) has no such right.
 */
export const isServable = (
  relation: Relation,
  role: Pick<Role, 'superuser' | 'bypassRls'> | undefined,
): boolean =>
  role?.superuser === true ||
  role?.bypassRls === true ||
  isProtected(relation) ||
  waiverOf(relation) !== null;

/** The exposed relations that are neither protected nor waived, in the catalog's order. */
export const unprotectedRelations = (catalog: Pick<Catalog, 'relations'>): readonly Relation[] =>
  [...catalog.relations.values()].filter((relation) => !isProtected(relation) && waiverOf(relation) === null);

/** What makes a relation servable, for hints and logs. */
export function protectionRemedy(relation: Relation): string {
  const waiver = `comment on ... is '@aura(waive-rls: "why everyone may see it")'`;
  switch (relation.kind) {
    case 'table':
    case 'partitioned table':
      return `Enable Row-Level Security on it and write policies, or waive the rule: ${waiver}.`;
    case 'view':
      return `Alter the view to set (security_invoker = true), or waive the rule: ${waiver}.`;
    default:
      return `A ${relation.kind} knows no policies; serve a view or function over it, or waive the rule: ${waiver}.`;
  }
}
