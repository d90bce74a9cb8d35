/**
 * HTTP → Request. Takes a method, path, query string, headers and body; gives the shape of the request (a key
 * and the values that are not part of it) and, for shapes not seen before, the parsed Request. It guarantees
 * that two requests of the same key parse to the same Request; it does not know whether any name exists.
 */
import { apiError } from '../errors/codes.ts';
import type {
  Action,
  Argument,
  EmbedOption,
  Located,
  Logic,
  OrderTerm,
  PageRequest,
  Preferences,
  Range,
  Request,
  SelectItem,
} from './ast.ts';
import type { Cursor, Cursors } from './cursor.ts';
import {
  filterCondition,
  listOfValues,
  logicPath,
  logicTree,
  splitOperator,
  splitPlainList,
  withSlot,
} from './filter.ts';
import { decodeHeader } from './header.ts';
import { mediaTypeName, parseAccept, parseMediaType } from './media-type.ts';
import { columnList, fieldPath } from './name.ts';
import { orderTerms } from './order.ts';
import { type AskedPage, prefersPages, readPage } from './page.ts';
import { type Parser, run } from './parser.ts';
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
import { decodeForm, decodePercent } from './percent.ts';
import { parsePrefer } from './prefer.ts';
import { ALL_ROWS, intersect, isRangeHeader, parseLimitOffset, parseRangeHeader } from './range.ts';
import { selectList } from './select.ts';

/** A request as it came, its path without the mount point. */
export interface RawRequest {
  readonly method: string;
  /** Still percent-encoded, without the query string. */
  readonly path: string;
  /** What follows the question mark, still encoded. */
  readonly query: string;
  /** The same without what the body added to it; only where it did. */
  readonly ownQuery?: string;
  /** Names in lower case; several of one name joined by commas. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** What parsing needs of the configuration. */
export interface RequestOptions {
  readonly dbSchemas: readonly string[];
  readonly dbTxAllowOverride: boolean;
  readonly dbRootSpec: string | null;
  readonly openapiMode: 'follow-privileges' | 'ignore-privileges' | 'disabled';
  readonly dbMaxFilters: number;
  /** Null = no secret to sign cursors with. */
  readonly cursors: Cursors | null;
}

type Pair = readonly [key: string, value: string];

/** The shape of a request, and its own values. */
export interface RequestShape {
  /** Equal for requests that have the same plan (under one catalog and role). */
  readonly key: string;
  /** The values of filters and arguments, by slot. */
  readonly slots: readonly string[];
  readonly action: Action;
  readonly schema: string;
  readonly profiled: boolean;
  readonly pairs: readonly Pair[];
  /** The root's range. */
  readonly range: Range;
  /** The page that is asked for by cursor; its position's values are the last slots. */
  readonly page: PageRequest | null;
  /** The cursor of that page; null = the first one. */
  readonly cursor: Cursor | null;
  readonly body: Body | null;
}

const RESERVED = new Set(['select', 'columns', 'on_conflict']);
const RESERVED_LAST = new Set(['order', 'limit', 'offset', 'and', 'or']);

const lastWord = (key: string): string => key.slice(key.lastIndexOf('.') + 1);
const isFilter = (key: string): boolean => !RESERVED.has(key) && !RESERVED_LAST.has(lastWord(key));

const header = (raw: RawRequest, name: string): string | undefined => {
  const value = raw.headers[name];
  if (value === undefined) return undefined;
  return decodeHeader(typeof value === 'object' ? value.join(', ') : value);
};

/** The parameters of a query string, in their order. */
export function readPairs(query: string): Pair[] {
  const pairs: Pair[] = [];
  if (query === '') return pairs;
  for (const item of query.split('&')) {
    const at = item.indexOf('=');
    // a parameter without a value says nothing
    if (at > 0) pairs.push([decodeForm(item.slice(0, at)), decodeForm(item.slice(at + 1))]);
  }
  return pairs;
}

function refuseNul(...texts: readonly string[]): void {
  if (texts.some((text) => text.includes('\0'))) {
    throw apiError('AURA104', 'The request contains a NUL character', {
      hint: 'PostgreSQL can store no NUL in text; remove it.',
    });
  }
}

function resourceOf(
  path: string,
  options: RequestOptions,
): { kind: 'root' | 'relation' | 'routine'; name: string } {
  const segments = path.split('/').filter((segment, index, all) => segment !== '' || index < all.length - 1);
  const names = (segments[0] === '' ? segments.slice(1) : segments).map((segment) => {
    const name = decodePercent(segment);
    refuseNul(name);
    return name;
  });
  const [first, second] = names;
  if (first === undefined) {
    if (options.openapiMode === 'disabled') throw apiError('PGRST126', 'Root endpoint metadata is disabled');
    return options.dbRootSpec === null
      ? { kind: 'root', name: '' }
      : { kind: 'routine', name: options.dbRootSpec };
  }
  if (names.length === 1) return { kind: 'relation', name: first };
  if (names.length === 2 && first === 'rpc' && second !== undefined) return { kind: 'routine', name: second };
  throw apiError('PGRST125', 'Invalid path specified in request URL');
}

const MUTATIONS = { POST: 'insert', PATCH: 'update', PUT: 'upsert', DELETE: 'delete' } as const;

function actionOf(method: string, path: string, options: RequestOptions): Action {
  const { kind, name } = resourceOf(path, options);
  if (kind === 'routine') {
    if (method === 'GET' || method === 'HEAD' || method === 'POST')
      return { kind: 'call', routine: name, method };
    if (method === 'OPTIONS') return { kind: 'describe routine', routine: name };
    throw apiError('PGRST101', `Cannot use the ${method} method on RPC`);
  }
  if (method === 'GET' || method === 'HEAD') {
    const head = method === 'HEAD';
    return kind === 'root' ? { kind: 'root', head } : { kind: 'read', relation: name, head };
  }
  if (method === 'OPTIONS') {
    return kind === 'root' ? { kind: 'describe root' } : { kind: 'describe relation', relation: name };
  }
  if (kind === 'relation' && Object.hasOwn(MUTATIONS, method)) {
    return { kind: 'mutate', relation: name, mutation: MUTATIONS[method as keyof typeof MUTATIONS] };
  }
  throw apiError('PGRST117', `Unsupported HTTP method: ${method}`);
}

function schemaOf(raw: RawRequest, options: RequestOptions): { schema: string; profiled: boolean } {
  const writes = Object.hasOwn(MUTATIONS, raw.method);
  const wanted = header(raw, writes ? 'content-profile' : 'accept-profile');
  if (wanted === undefined) {
    return { schema: options.dbSchemas[0] ?? 'public', profiled: options.dbSchemas.length !== 1 };
  }
  if (!options.dbSchemas.includes(wanted)) {
    throw apiError('PGRST106', `Invalid schema: ${wanted}`, {
      hint: `Only the following schemas are exposed: ${options.dbSchemas.join(', ')}`,
    });
  }
  return { schema: wanted, profiled: true };
}

function rangeOf(raw: RawRequest, pairs: readonly Pair[]): Range {
  const find = (key: string): string | undefined => pairs.find(([name]) => name === key)?.[1];
  const query = parseLimitOffset(find('limit'), find('offset'));
  const asked = raw.method === 'GET' ? header(raw, 'range') : undefined;
  const range = asked === undefined ? query : intersect(parseRangeHeader(asked), query);
  if (raw.method === 'PUT' && (range.offset !== 0 || range.limit !== null)) {
    throw apiError('PGRST114', 'limit/offset querystring parameters are not allowed for PUT');
  }
  return range;
}

const readsArguments = (action: Action): boolean => action.kind === 'call' && action.method !== 'POST';

/** `on` with a list of columns, which no filter looks like, is the key of a PATCH's objects. */
const namesKey = ([key, value]: Pair, action: Action): boolean =>
  key === 'on' &&
  action.kind === 'mutate' &&
  action.mutation === 'update' &&
  splitOperator(value) === null &&
  !MUST_BE_CONDITION.test(value);

const EMBED_RESOLUTIONS = {
  'merge-duplicates': 'merge-duplicates',
  'ignore-duplicates': 'ignore-duplicates',
  none: null,
} as const;

/** `embed.on_conflict` and `embed.resolution` with values that no filter looks like belong to a nested body. */
const setsEmbed = ([key, value]: Pair, action: Action): boolean => {
  if (action.kind !== 'mutate' || action.mutation !== 'insert') return false;
  const last = lastWord(key);
  if (last === key) return false;
  if (last === 'resolution') return Object.hasOwn(EMBED_RESOLUTIONS, value);
  return last === 'on_conflict' && splitOperator(value) === null && !MUST_BE_CONDITION.test(value);
};

/** `cursor` names a page unless it is a condition on a column of that name. */
const isCursor = ([key, value]: Pair): boolean =>
  key === 'cursor' && splitOperator(value) === null && !MUST_BE_CONDITION.test(value);

const namesPage = (pair: Pair, action: Action): boolean => action.kind === 'read' && isCursor(pair);

/** How a function's GET parameter is taken: with an operator it is a filter, else an argument. */
const MUST_BE_CONDITION = /^(?:not|in|is|isdistinct)\./;

/** The part of a pair that belongs to the shape, and the value that does not. */
function splitPair([key, value]: Pair, asArguments: boolean): { fixed: string; slot: string | null } {
  if (key === 'offset') return { fixed: '', slot: null };
  if (isFilter(key)) {
    const split = splitOperator(value);
    if (split) return { fixed: split.prefix, slot: split.operand };
    if (asArguments && !MUST_BE_CONDITION.test(value)) return { fixed: '', slot: value };
  }
  return { fixed: value, slot: null };
}

/**
 * Reads everything of a request that is needed to look up its plan; a body that is not in it may be given.
 * Throws ApiError for what no plan can serve: bad paths, methods, schemas, ranges, encodings, bodies.
 */
export function readShape(raw: RawRequest, options: RequestOptions, given: Body | null = null): RequestShape {
  const action = actionOf(raw.method, raw.path, options);
  const { schema, profiled } = schemaOf(raw, options);
  const pairs = readPairs(raw.query);
  const asArguments = readsArguments(action);
  const slots: string[] = [];
  const parts = [raw.method, raw.path, schema, profiled ? 'profiled' : ''];
  for (const name of ['accept', 'content-type', 'prefer'] as const) parts.push(header(raw, name) ?? '\u0001');
  const range = rangeOf(raw, pairs);
  parts.push(`${range.limit}${range.offset === 0 ? '' : '+'}`);
  let filters = 0;
  let cursorText: string | null = null;
  for (const pair of pairs) {
    if (namesPage(pair, action)) {
      cursorText ??= pair[1];
      continue;
    }
    const { fixed, slot } = splitPair(pair, asArguments);
    refuseNul(pair[0], pair[1]);
    parts.push(pair[0], fixed, slot === null ? '' : '\u0001');
    if (slot !== null) slots.push(slot);
    if (isFilter(pair[0]) && !namesKey(pair, action) && !setsEmbed(pair, action)) filters += 1;
  }
  refuseTooMany(filters, options.dbMaxFilters);
  const body = given ?? readBody(raw, action, pairs, slots);
  if (body) parts.push(JSON.stringify(body.payload));
  const asked = pageOf(raw, action, pairs, cursorText, slots, options.cursors);
  if (asked) parts.push(JSON.stringify(asked.page));
  const { page, cursor } = asked ?? NO_PAGE;
  return { key: parts.join('\0'), slots, action, schema, profiled, pairs, range, page, cursor, body };
}

const NO_PAGE = { page: null, cursor: null };

/** The page by cursor that a read asks for: by the preference, or by a cursor, so that a link needs no header. */
function pageOf(
  raw: RawRequest,
  action: Action,
  pairs: readonly Pair[],
  text: string | null,
  slots: string[],
  cursors: Cursors | null,
): AskedPage | null {
  if (action.kind !== 'read' || (text === null && !prefersPages(header(raw, 'prefer')))) return null;
  const skipsRows = pairs.some(([key]) => key === 'offset') || isRangeHeader(header(raw, 'range'));
  return readPage({ text, skipsRows }, slots, cursors);
}

function refuseTooMany(filters: number, most: number): void {
  if (filters <= most) return;
  throw apiError('AURA102', 'The request has too many filters', {
    details: `It has ${filters} filters, at most ${most} are allowed.`,
    hint: 'Use the in operator for lists of values, or a function.',
  });
}

const countFilters = (logic: Logic): number =>
  logic.kind === 'filter' ? 1 : logic.children.reduce((sum, child) => sum + countFilters(child), 0);

/** Whether `columns` names what is written. */
export const hasColumns = (pairs: readonly Pair[]): boolean => pairs.some(([key]) => key === 'columns');

/** The body, read as its Content-Type says; a form's values for a function become slots. */
function readBody(raw: RawRequest, action: Action, pairs: readonly Pair[], slots: string[]): Body | null {
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

/** Deeper than any sensible request, and far from where the parser would run out of stack. */
const MAX_NESTING = 100;

function refuseDeepNesting(text: string): void {
  let depth = 0;
  for (const found of text) {
    if (found === '(') depth += 1;
    else if (found === ')') depth -= 1;
    if (depth > MAX_NESTING) {
      throw apiError('AURA103', 'The request nests too deeply', {
        details: `Parentheses nest deeper than ${MAX_NESTING} levels.`,
        hint: 'Simplify the condition, or ask in several requests.',
      });
    }
  }
}

function parseWith<T>(parser: Parser<T>, text: string, what: string, shown: string): T {
  refuseDeepNesting(text);
  const result = run(parser, text);
  if ('value' in result) return result.value;
  throw apiError('PGRST100', `"failed to parse ${what} (${shown})" ${result.problem.position}`, {
    details: result.problem.explanation,
  });
}

/** The items of an `in` list whose text is a slot. */
export function parseList(text: string): readonly string[] {
  const plain = splitPlainList(text);
  if (plain) return plain;
  const result = run(listOfValues, text);
  if ('value' in result) return result.value;
  return parseWith(listOfValues, text, 'filter', text);
}

interface Parsed {
  where: Located<Logic>[];
  arguments: Argument[];
  filterFields: string[];
}

/** Filters, arguments and logic trees, in the order of the query string; numbers slots as readShape does. */
function parseConditions(shape: RequestShape): Parsed {
  const asArguments = readsArguments(shape.action);
  const found: Parsed = { where: [], arguments: [], filterFields: [] };
  const trees: Located<Logic>[] = [];
  let slot = 0;
  for (const pair of shape.pairs) {
    if (namesPage(pair, shape.action)) continue;
    const [key, value] = pair;
    const index = splitPair(pair, asArguments).slot === null ? null : slot++;
    const last = lastWord(key);
    if (last === 'and' || last === 'or') {
      const { path, operator } = parseWith(logicPath, key, 'logic path', key);
      trees.push({ path, value: parseWith(logicTree, operator + value, 'logic tree', value) });
    } else if (isFilter(key) && !namesKey(pair, shape.action) && !setsEmbed(pair, shape.action)) {
      parseFilter(found, key, value, index, asArguments);
    }
  }
  found.where.push(...trees);
  return found;
}

function parseFilter(
  found: Parsed,
  key: string,
  value: string,
  slot: number | null,
  asArguments: boolean,
): void {
  const { path, field } = parseWith(fieldPath, key, 'tree path', key);
  if (asArguments && slot !== null && splitOperator(value) === null) {
    found.arguments.push({ name: field.name, operand: { kind: 'slot', index: slot } });
    return;
  }
  const condition = parseWith(filterCondition, value, 'filter', value);
  const filled = slot === null ? condition : withSlot(condition, slot);
  found.where.push({ path, value: { kind: 'filter', field, ...filled } });
  found.filterFields.push(key);
}

function parseOrders(pairs: readonly Pair[]): Located<readonly OrderTerm[]>[] {
  return pairs
    .filter(([key]) => lastWord(key) === 'order')
    .map(([key, value]) => ({
      path: parseWith(fieldPath, key, 'tree path', key).path,
      value: parseWith(orderTerms, value, 'order', value),
    }));
}

function parseEmbedRanges(pairs: readonly Pair[]): Located<Range>[] {
  const limits = new Map<string, { limit?: string; offset?: string }>();
  for (const [key, value] of pairs) {
    const word = lastWord(key);
    if ((word !== 'limit' && word !== 'offset') || key === word) continue;
    const where = key.slice(0, -word.length - 1);
    limits.set(where, { ...limits.get(where), [word]: value });
  }
  return [...limits].map(([where, { limit, offset }]) => {
    const { path, field } = parseWith(fieldPath, where, 'tree path', where);
    return { path: [...path, field.name], value: parseLimitOffset(limit, offset) };
  });
}

function parseEmbedOptions({ pairs, action }: RequestShape): Located<EmbedOption>[] {
  return pairs
    .filter((pair) => setsEmbed(pair, action))
    .map(([key, value]) => {
      const { path, field } = parseWith(fieldPath, key, 'tree path', key);
      if (field.name === 'on_conflict') {
        const columns = parseWith(columnList, value, `${key} parameter`, value);
        return { path, value: { kind: 'on_conflict', columns } };
      }
      const resolution = EMBED_RESOLUTIONS[value as keyof typeof EMBED_RESOLUTIONS];
      return { path, value: { kind: 'resolution', resolution } };
    });
}

const find = (pairs: readonly Pair[], key: string): string | undefined =>
  pairs.find(([name]) => name === key)?.[1];

function parseColumns(text: string | undefined, parameter: string): string[] | null {
  return text === undefined ? null : parseWith(columnList, text, `${parameter} parameter`, text);
}

/**
 * Parses a request of a shape that has no plan yet.
 * Throws ApiError PGRST100 where a parameter does not follow the grammar.
 */
export function parseRequest(raw: RawRequest, shape: RequestShape, options: RequestOptions): Request {
  const { pairs } = shape;
  const order = parseOrders(pairs);
  const conditions = parseConditions(shape);
  refuseTooMany(
    conditions.where.reduce((sum, { value }) => sum + countFilters(value), 0),
    options.dbMaxFilters,
  );
  const columns = parseColumns(find(pairs, 'columns'), 'columns');
  const selectText = find(pairs, 'select') ?? '*';
  const select: SelectItem[] = parseWith(selectList, selectText, 'select parameter', selectText);
  const preferences: Preferences = parsePrefer(header(raw, 'prefer'), options.dbTxAllowOverride);
  return {
    action: shape.action,
    selects: pairs.some(([key]) => key === 'select' || key === 'order'),
    schema: shape.schema,
    profiled: shape.profiled,
    select,
    where: conditions.where,
    order,
    ranges: parseEmbedRanges(pairs),
    range: shape.action.kind === 'mutate' ? ALL_ROWS : shape.range,
    page: shape.page,
    columns: columns === null ? null : [...new Set(columns)].sort(),
    onConflict: parseColumns(find(pairs, 'on_conflict'), 'on_conflict'),
    embedOptions: parseEmbedOptions(shape),
    on: parseColumns(pairs.find((pair) => namesKey(pair, shape.action))?.[1], 'on'),
    arguments: conditions.arguments,
    filterFields: conditions.filterFields,
    payload: shape.body?.payload ?? null,
    preferences,
    accept: parseAccept(header(raw, 'accept')),
    contentType: parseMediaType(header(raw, 'content-type') ?? 'application/json'),
  };
}

const encode = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** What cannot stand in a reference, or not between the angle brackets of a Link header. */
const UNSAFE = /[^\x21-\x7e]|[<>"]/gu;

/** A query string of a read as it was written, with another cursor. */
export function withCursor(query: string, cursor: string): string {
  const others = query
    .split('&')
    .filter((item) => item !== '' && readPairs(item).every((pair) => !isCursor(pair)));
  return [
    ...others.map((item) => item.toWellFormed().replace(UNSAFE, encodeURIComponent)),
    `cursor=${cursor}`,
  ].join('&');
}

/** The query string with its parameters in alphabetical order, for Content-Location. */
export function canonicalQuery(pairs: readonly Pair[]): string {
  const values = new Map<string, string[]>();
  for (const [key, value] of [...pairs].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
    values.set(key, [...(values.get(key) ?? []), value]);
  }
  return [...values].map(([key, list]) => `${encode(key)}=${list.map(encode).join(',')}`).join('&');
}
