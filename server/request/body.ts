/** The body of a request, read as its Content-Type says. */
import { apiError } from '../errors/codes.ts';
import type { Action, Argument } from './ast.ts';
import { parseColumns } from './grammar.ts';
import { mediaTypeName, parseMediaType } from './media-type.ts';
import { hasColumns, namesKey, type Pair } from './parameter.ts';
import {
  type Body,
  ndjsonAsArray,
  readCsv,
  readForm,
  readFormAsRow,
  readJson,
  refuseUnlessKeyed,
  unreadJson,
} from './payload.ts';
import { header, type RawRequest } from './raw.ts';

/** The body, read as its Content-Type says; a form's values for a function become slots. */
export function readBody(
  raw: RawRequest,
  action: Action,
  pairs: readonly Pair[],
  slots: string[],
): Body | null {
  const forCall = action.kind === 'call' && action.method === 'POST';
  if (!forCall && (action.kind !== 'mutate' || action.mutation === 'delete')) return null;
  const body = readTyped(raw, action, pairs, slots);
  const on = pairs.find((pair) => namesKey(pair, action));
  if (on !== undefined) refuseUnlessKeyed(body.content, parseColumns(on[1], 'on') ?? []);
  return body;
}

function readTyped(raw: RawRequest, action: Action, pairs: readonly Pair[], slots: string[]): Body {
  const forCall = action.kind === 'call';
  const type = parseMediaType(header(raw, 'content-type') ?? 'application/json');
  const namesColumns =
    (forCall || (action.kind === 'mutate' && action.mutation !== 'upsert')) && hasColumns(pairs);
  switch (type.kind) {
    case 'json':
    case 'ndjson': {
      const body = type.kind === 'json' ? raw.body : ndjsonAsArray(raw.body);
      if (namesColumns) return unreadJson(body);
      const mayNest = type.kind === 'json' && action.kind === 'mutate' && action.mutation === 'insert';
      return readJson(body, forCall, mayNest);
    }
    case 'csv':
    case 'csv lines':
      return readCsv(raw.body);
    case 'form':
      return forCall ? readFormAsArguments(raw.body, slots) : readFormAsRow(raw.body);
    case 'text':
    case 'xml':
    case 'bytes':
      if (forCall) return { payload: { kind: 'raw' }, content: raw.body };
      break;
    default:
  }
  throw apiError('PGRST102', `Content-Type not acceptable: ${mediaTypeName(type)}`);
}

function readFormAsArguments(body: Buffer, slots: string[]): Body {
  const list: Argument[] = [];
  for (const [name, value] of readForm(body)) {
    list.push({ name, operand: { kind: 'slot', index: slots.length } });
    slots.push(value);
  }
  return { payload: { kind: 'arguments', arguments: list }, content: '' };
}
