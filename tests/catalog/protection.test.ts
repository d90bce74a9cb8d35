import { describe, expect, test } from 'vitest';
import {
  isProtected,
  isServable,
  protectionRemedy,
  readableComment,
  unprotectedRelations,
  waiverOf,
} from '../../server/catalog/protection.ts';
import type { Relation, RelationKind } from '../../server/catalog/types.ts';

const relation = (kind: RelationKind, facts: Partial<Relation> = {}): Relation => ({
  name: { schema: 'public', name: 'x' },
  kind,
  comment: null,
  owner: 'owner',
  rowSecurity: { enabled: false, forced: false },
  securityInvoker: false,
  insertable: true,
  updatable: true,
  deletable: true,
  fillsRows: false,
  primaryKey: [],
  ownKey: [],
  uniqueIndexes: [],
  uniqueKeys: [],
  columns: new Map(),
  computedColumns: new Map(),
  grants: [],
  policies: [],
  ...facts,
});
const WITH_RLS = { rowSecurity: { enabled: true, forced: false } };
const WAIVED = { comment: 'Countries. @aura(waive-rls: "the same list for everyone")' };
const KINDS: readonly RelationKind[] = [
  'table',
  'partitioned table',
  'view',
  'materialized view',
  'foreign table',
];

describe('a relation is protected', () => {
  test.each([
    ['table', WITH_RLS, true],
    ['partitioned table', WITH_RLS, true],
    ['view', { securityInvoker: true }, true],
    ['table', {}, false],
    ['partitioned table', {}, false],
    ['view', {}, false],
    ['view', WITH_RLS, false],
    ['materialized view', { ...WITH_RLS, securityInvoker: true }, false],
    ['foreign table', { ...WITH_RLS, securityInvoker: true }, false],
    ['table', { securityInvoker: true }, false],
  ] as const)('a %s with %j: %s', (kind, facts, expected) => {
    expect(isProtected(relation(kind, facts))).toBe(expected);
  });
});

describe('a waiver', () => {
  test.each([
    ['@aura(waive-rls: "public reference data")', 'public reference data'],
    ['Text before. @aura( waive-rls : "why" ) and after', 'why'],
    ['first\n@aura(waive-rls:"why")\nlast', 'why'],
    ['@aura(waive-rls: "a \\"quoted\\" reason")', 'a "quoted" reason'],
  ])('in %j gives the reason', (comment, reason) => {
    expect(waiverOf({ comment })).toBe(reason);
  });

  test.each([
    null,
    '',
    'waive-rls',
    '@aura(waive-rls)',
    '@aura(waive-rls: "")',
    '@aura(waive-rls: "  ")',
    '@aura(waive-rls: reason)',
    '@aura(waive-rls: "unfinished)',
    '@other(waive-rls: "reason")',
  ])('is not in %j: a name and a reason are needed', (comment) => {
    expect(waiverOf({ comment })).toBeNull();
  });

  test('is not part of what people read', () => {
    expect(readableComment('Countries. @aura(waive-rls: "x")')).toBe('Countries.');
    expect(readableComment('@aura(waive-rls: "x")')).toBeNull();
    expect(readableComment('Plain')).toBe('Plain');
    expect(readableComment(null)).toBeNull();
  });
});

describe('an unprotected relation', () => {
  test('of any kind is served to nobody whom Row-Level Security binds', () => {
    for (const kind of KINDS) {
      expect(isServable(relation(kind), { superuser: false, bypassRls: false })).toBe(false);
      expect(isServable(relation(kind), undefined)).toBe(false);
    }
  });

  test('is served to those whom it does not bind, or with a waiver', () => {
    for (const kind of KINDS) {
      expect(isServable(relation(kind), { superuser: false, bypassRls: true })).toBe(true);
      expect(isServable(relation(kind), { superuser: true, bypassRls: false })).toBe(true);
      expect(isServable(relation(kind, WAIVED), { superuser: false, bypassRls: false })).toBe(true);
    }
  });

  test('is listed, the others are not', () => {
    const open = relation('table', { name: { schema: 'public', name: 'open' } });
    const relations = new Map([
      ['a', relation('table', WITH_RLS)],
      ['b', open],
      ['c', relation('materialized view', WAIVED)],
    ]);
    expect(unprotectedRelations({ relations })).toEqual([open]);
  });

  test('has a remedy that fits its kind', () => {
    expect(protectionRemedy(relation('table'))).toContain('Enable Row-Level Security');
    expect(protectionRemedy(relation('view'))).toContain('security_invoker');
    expect(protectionRemedy(relation('foreign table'))).toContain('A foreign table knows no policies');
    for (const kind of KINDS) expect(protectionRemedy(relation(kind))).toContain('@aura(waive-rls:');
  });
});
