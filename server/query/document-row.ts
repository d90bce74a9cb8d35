/**
 * Rows of documents as SQL: every object is built where its row is read. Related rows are subqueries in the place of
 * their value.
 */
import type { RecordPlan, RowMembers, RowValue } from '../plan/document.ts';
import { conditionsOf, from, wholeRow } from './document-source.ts';
import { encoded, formed, objectOf, own, type Rendering, type Scope, text } from './document-value.ts';
import { where } from './filter.ts';
import { type Fragment, name, qualified, sql } from './sql.ts';

/** A member of a row's object. */
export function renderRowValue(value: RowValue, scope: Scope, rendering: Rendering): Fragment {
  switch (value.kind) {
    case 'text':
      return text(value.text);
    case 'column':
      return formed(own(scope.alias, value.name), value.form);
    case 'computed':
      return formed(sql`${qualified(value.routine)}(${scope.row})`, value.form);
    case 'node id': {
      const { schema, name: relation } = value.relation;
      return encoded([
        text(schema),
        text(relation),
        ...value.columns.map((called) => own(scope.alias, called)),
      ]);
    }
    case 'record':
      return renderRecord(value.record, scope, rendering);
    case 'connection':
      return rendering.connection(value.connection, scope, rendering);
    case 'object':
      return renderRow(value.members, scope, rendering);
  }
}

/** The object of a row in scope. */
export const renderRow = (members: RowMembers, scope: Scope, rendering: Rendering): Fragment =>
  objectOf(members, (value) => renderRowValue(value, scope, rendering));

/** The object of the one row, or null. A row that a function gives as null has no column that is not null. */
export function renderRecord(plan: RecordPlan, parent: Scope | null, rendering: Rendering): Fragment {
  const alias = rendering.alias();
  const scope = { alias, row: wholeRow(plan.source, alias) };
  const given = plan.source.kind === 'relation' ? [] : [sql`not (${name(alias)} is null)`];
  const conditions = [...conditionsOf(plan, alias, parent), ...given];
  const rows = from(plan.source, alias, parent, rendering);
  return sql`(select ${renderRow(plan.members, scope, rendering)}${rows}${where(conditions)} limit 1)`;
}
