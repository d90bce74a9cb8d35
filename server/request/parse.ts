/** The shape of a request → the parsed Request, for shapes that have no plan yet. */
import type {
  Argument,
  EmbedOption,
  Located,
  Logic,
  OrderTerm,
  Preferences,
  Range,
  Request,
  SelectItem,
} from './ast.ts';
import { filterCondition, logicPath, logicTree, splitOperator, withSlot } from './filter.ts';
import { parseColumns, parseWith } from './grammar.ts';
import { parseAccept, parseMediaType } from './media-type.ts';
import { columnList, fieldPath } from './name.ts';
import { orderTerms } from './order.ts';
import {
  EMBED_RESOLUTIONS,
  find,
  isFilter,
  lastWord,
  namesKey,
  namesPage,
  type Pair,
  readsArguments,
  setsEmbed,
  splitPair,
} from './parameter.ts';
import { parsePrefer } from './prefer.ts';
import { ALL_ROWS, parseLimitOffset } from './range.ts';
import { header, type RawRequest, type RequestOptions } from './raw.ts';
import { selectList } from './select.ts';
import { type RequestShape, refuseTooMany } from './shape.ts';

const countFilters = (logic: Logic): number =>
  logic.kind === 'filter' ? 1 : logic.children.reduce((sum, child) => sum + countFilters(child), 0);

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
