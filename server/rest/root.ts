/**
 * The root of the API: what of it the role may see.
 */
import type { Catalog } from '../catalog/types.ts';
import { visibleTo } from '../catalog/visible.ts';
import type { InfoPlan } from '../plan/types.ts';
import type { Answer } from '../response/respond.ts';

/** Relations and functions of the schema by name, with their comments. */
export function respondRoot(
  plan: Extract<InfoPlan, { kind: 'root' }>,
  catalog: Catalog,
  role: string,
  mode: 'follow-privileges' | 'ignore-privileges' | 'disabled',
): Answer {
  const shown = mode === 'ignore-privileges' ? catalog : visibleTo(catalog, role);
  const relations = [...shown.relations.values()]
    .filter(({ name }) => name.schema === plan.schema)
    .map(({ name, kind, comment }) => ({ path: `/${name.name}`, kind, comment }));
  const routines = [...shown.routines.values()]
    .flatMap(([first]) => (first && first.name.schema === plan.schema ? [first] : []))
    .map(({ name, comment }) => ({ path: `/rpc/${name.name}`, kind: 'function', comment }));
  const content = Buffer.from(
    JSON.stringify({ schema: plan.schema, resources: [...relations, ...routines] }),
  );
  const profile = plan.profiled ? { 'Content-Profile': plan.schema } : {};
  return {
    status: 200,
    headers: { 'Content-Type': 'application/json; charset=utf-8', ...profile },
    body: plan.head ? null : content,
  };
}
