/**
 * Names of components and operations: what a document may call them, for names that may have any character.
 */

/** The name for a key; the same key has the same name, and no two keys have one. */
export type Namer = (key: string) => string;

/** OpenAPI's rule for the keys of components (section 4.8.7), which is good for operation ids and URLs, too. */
const FORBIDDEN = /[^A-Za-z0-9._-]/g;

/** @param reserved names that no key gets */
export function createNamer(reserved: Iterable<string> = []): Namer {
  const names = new Map<string, string>();
  const taken = new Set(reserved);
  return (key) => {
    const known = names.get(key);
    if (known !== undefined) return known;
    const wanted = key.replace(FORBIDDEN, '_');
    let name = wanted;
    for (let count = 2; taken.has(name); count++) name = `${wanted}_${count}`;
    names.set(key, name);
    taken.add(name);
    return name;
  };
}
