import { describe, expect, test } from 'vitest';
import { parseRolePath } from '../../server/config/role-path.ts';

const select = (path: string, claims: unknown): unknown => {
  const parsed = parseRolePath(path);
  if (parsed.kind === 'invalid') throw new Error(parsed.reason);
  return parsed.select(claims);
};

describe('a JSONPath', () => {
  test.each([
    ['$.role', { role: 'author' }, 'author'],
    ['$.postgrest.a_role', { postgrest: { a_role: 'author' }, other: 'claims' }, 'author'],
    ['$.custom.roles[1]', { custom: { roles: ['other', 'author'] } }, 'author'],
    [
      '$["https://example.com/roles"][0].value',
      { 'https://example.com/roles': [{ value: 'author' }] },
      'author',
    ],
    ["$['https://example.com/role'].key", { 'https://example.com/role': { key: 'author' } }, 'author'],
    ['$.realm.roles[?(@ == "author")]', { realm: { roles: ['other', 'author'] } }, 'author'],
    ['$.realm.roles[?(@ != "other")]', { realm: { roles: ['other', 'author'] } }, 'author'],
    ["$.realm.roles[?search(@, '^au')]", { realm: { roles: ['other', 'author'] } }, 'author'],
    ['$.roles[*]', { roles: ['first', 'second'] }, 'first'],
    ['$.roles[-1]', { roles: ['first', 'second'] }, 'second'],
    ['$.aud[0]', { aud: ['author'] }, 'author'],
    ['$.role', { role: 7 }, 7],
    ['$.role', { role: null }, null],
  ])('%s finds the role', (path, claims, expected) => {
    expect(parseRolePath(path).kind).toBe('jsonpath');
    expect(select(path, claims)).toBe(expected);
  });

  test.each([
    ['$.roles[3]', { roles: ['a'] }],
    ['$.myRole', { role: 'a' }],
    ['$.role.name', { role: 'text' }],
    ['$.constructor', {}],
    ['$.__proto__', {}],
    ['$.roles.length', { roles: [] }],
  ])('%s finds nothing where there is nothing', (path, claims) => {
    expect(select(path, claims)).toBeUndefined();
  });
});

describe('the older form', () => {
  test.each([
    ['.postgrest.a_role', { postgrest: { a_role: 'author' } }, 'author'],
    ['.custom.roles[1]', { custom: { roles: ['other', 'author'] } }, 'author'],
    [
      '."https://example.com/roles"[0].value',
      { 'https://example.com/roles': [{ value: 'author' }] },
      'author',
    ],
    ['.$a_@1', { $a_: 1, '$a_@1': 'author' }, 'author'],
    ['.rôle', { rôle: 'author' }, 'author'],
    ['.roles[?(@ == "author")]', { roles: ['other', 'author'] }, 'author'],
    ['.roles[?(@ != "other")]', { roles: ['other', 'author'] }, 'author'],
    ['.roles[?(@ ^== "au")]', { roles: ['other', 'author'] }, 'author'],
    ['.roles[?(@ ==^ "or")]', { roles: ['other', 'author'] }, 'author'],
    ['.roles[?(@ *== "uth")]', { roles: ['other', 'author'] }, 'author'],
    ['[0]', ['author'], 'author'],
  ])('%s finds the role', (path, claims, expected) => {
    expect(parseRolePath(path).kind).toBe('deprecated');
    expect(select(path, claims)).toBe(expected);
  });

  test.each([
    ['.roles[3]', { roles: ['a'] }],
    ['.roles[?(@ == "a")]', { roles: [{ a: 'a' }] }],
    ['.roles[?(@ != "a")]', { roles: 'text' }],
    ['.role.name', { role: 'text' }],
    ['.constructor', {}],
    ['.__proto__', {}],
    ['.roles.length', { roles: [] }],
    ['[0]', { 0: 'a' }],
  ])('%s finds nothing where there is nothing', (path, claims) => {
    expect(select(path, claims)).toBeUndefined();
  });
});

describe('neither form', () => {
  test.each([
    '',
    'role.other',
    '.role##',
    '.my_role;;domain',
    '$.my_role;;domain',
    '.#$$%&$%/',
    '1234',
    '.role[?(@ =)]',
    '.role[?(@ == "a")].b',
    '@@.role.other',
    '.',
    '.a[',
    '.a[-1]',
    '$.a[?unknown(@)]',
  ])('%j is invalid', (path) => {
    expect(parseRolePath(path).kind).toBe('invalid');
  });
});
