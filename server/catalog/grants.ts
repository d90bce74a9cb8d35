/**
 * Access control lists: reads the text that PostgreSQL prints for them. Most tables of a database share one list,
 * so the reader remembers what it has read and such tables then share one array of grants. The text, and not
 * `aclexplode`, because a thousand tables would otherwise send tens of thousands of rows.
 */
import type { RawAcl } from './raw.ts';
import type { Grant } from './types.ts';

/** Turns an access control list into grants; null = none. Equal lists give the same array. */
export type GrantReader = (acl: RawAcl | null) => readonly Grant[];

/** https://www.postgresql.org/docs/current/ddl-priv.html#PRIVILEGE-ABBREVS-TABLE, for what the catalog holds. */
const PRIVILEGES: ReadonlyMap<string, string> = new Map([
  ['r', 'SELECT'],
  ['a', 'INSERT'],
  ['w', 'UPDATE'],
  ['d', 'DELETE'],
  ['D', 'TRUNCATE'],
  ['x', 'REFERENCES'],
  ['t', 'TRIGGER'],
  ['m', 'MAINTAIN'],
  ['X', 'EXECUTE'],
  ['U', 'USAGE'],
  ['C', 'CREATE'],
]);

const NONE: readonly Grant[] = Object.freeze([]);

/** A reader with its own memory, to be used for one catalog. */
export const createGrantReader = (): GrantReader => {
  const known = new Map<string, readonly Grant[]>();
  return (acl) => {
    if (acl === null || acl.length === 0) return NONE;
    const key = acl.join('\0');
    let grants = known.get(key);
    if (grants === undefined) {
      grants = acl.flatMap(parseItem);
      known.set(key, grants);
    }
    return grants;
  };
};

/** `grantee=privileges/grantor`; no grantee = everyone; unusual names in double quotes; `*` = with grant option. */
const parseItem = (item: string): readonly Grant[] => {
  const quoted = /^"((?:[^"]|"")*)"=/.exec(item);
  const end = quoted === null ? item.indexOf('=') : quoted[0].length - 1;
  const name = quoted === null ? item.slice(0, end) : (quoted[1] ?? '').replaceAll('""', '"');
  const grantee = name === '' ? 'PUBLIC' : name;
  const grants: Grant[] = [];
  for (const letter of item.slice(end + 1)) {
    if (letter === '/') break;
    const privilege = PRIVILEGES.get(letter);
    if (privilege !== undefined) grants.push({ grantee, privilege });
  }
  return grants;
};
