/**
 * Documents as SQL: a document of any depth is one statement, with a JSON column for each value of its root.
 */
import type { DocumentStep, DocumentWrite, RootValue } from '../plan/document.ts';
import { renderExpression } from './call.ts';
import { renderConnection } from './document-connection.ts';
import { renderRecord, renderRow } from './document-row.ts';
import { formed, objectOf, type Rendering, text } from './document-value.ts';
import { renderMutation } from './mutate.ts';
import { RESULT } from './read.ts';
import { compile, type Fragment, list, name, qualified, sql } from './sql.ts';
import type { Statement } from './statement.ts';

function createRendering(): Rendering {
  let last = 0;
  return {
    alias: () => {
      last += 1;
      return `pgrst_${last}`;
    },
    connection: renderConnection,
  };
}

function rootValue(value: RootValue, rendering: Rendering): Fragment {
  switch (value.kind) {
    case 'connection':
      return renderConnection(value.connection, null, rendering);
    case 'record':
      return renderRecord(value.record, null, rendering);
    case 'scalar':
      return sql`to_json(${formed(renderExpression(value.scalar.call), value.scalar.form)})`;
  }
}

function write({ mutate, members }: DocumentWrite, rendering: Rendering): Fragment {
  const alias = rendering.alias();
  const scope = { alias, row: sql`${name(alias)}::${qualified(mutate.relation)}` };
  const shown = objectOf(members, (value) => {
    switch (value.kind) {
      case 'text':
        return text(value.text);
      case 'affected count':
        return sql`count(*)`;
      case 'records':
        return sql`coalesce(json_agg(${renderRow(value.members, scope, rendering)}), '[]')`;
    }
  });
  return sql`with ${RESULT} as (${renderMutation(mutate)}) select count(*), ${shown} from ${RESULT} ${name(alias)}`;
}

/** Renders a step: JSON columns for the values of a read; for a write the number of its rows and one JSON column. */
export function renderDocument(step: DocumentStep): Statement {
  if (step.kind === 'write') {
    return { ...compile(write(step.write, createRendering())), columns: ['page', 'body'] };
  }
  return { ...compile(read(step.values)), columns: step.values.map(() => 'body' as const) };
}

function read(values: readonly RootValue[]): Fragment {
  const rendering = createRendering();
  return sql`select ${list(values.map((value) => rootValue(value, rendering)))}`;
}

/** What tells the cost of a read, with the same parameters. */
export const renderDocumentCost = (values: readonly RootValue[]): Statement => ({
  ...compile(sql`explain (format json) ${read(values)}`),
  columns: null,
});
