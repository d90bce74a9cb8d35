/**
 * Whether functions take part in the values of a document: what they look at is in no plan.
 */
import type {
  ConnectionPlan,
  ConnectionValue,
  RootValue,
  RowMembers,
  RowSource,
  RowsPlan,
} from './document.ts';
import type { PlannedLogic } from './types.ts';

function inLogic(logic: PlannedLogic): boolean {
  switch (logic.kind) {
    case 'filter':
      return logic.field.transform !== null;
    case 'embed is null':
      return false;
    case 'related':
      return logic.where.some(inLogic);
    case 'logic':
      return logic.children.some(inLogic);
  }
}

const inSource = (source: RowSource): boolean =>
  source.kind === 'groups' ? inRows(source.of) : source.kind !== 'relation';

const inRows = ({ source, where }: RowsPlan): boolean => inSource(source) || where.some(inLogic);

const inMembers = (members: RowMembers): boolean =>
  members.some(({ value }) => {
    switch (value.kind) {
      case 'computed':
        return true;
      case 'record':
        return inRows(value.record) || inMembers(value.record.members);
      case 'connection':
        return inConnection(value.connection);
      case 'object':
        return inMembers(value.members);
      default:
        return false;
    }
  });

function inShown(value: ConnectionValue): boolean {
  if (value.kind === 'groups') return inConnection(value.groups);
  if (value.kind !== 'edges') return false;
  return value.members.some((edge) => edge.value.kind === 'node' && inMembers(edge.value.members));
}

const inConnection = (plan: ConnectionPlan): boolean =>
  inRows(plan) || plan.members.some(({ value }) => inShown(value));

/** Whether functions take part: as what rows are read from, as fields of rows, or in how values are read. */
export const isComputed = (values: readonly RootValue[]): boolean =>
  values.some((value) => {
    if (value.kind === 'scalar') return true;
    if (value.kind === 'connection') return inConnection(value.connection);
    return inRows(value.record) || inMembers(value.record.members);
  });
