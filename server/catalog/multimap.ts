/** Maps from a key to a list: linking groups rows by relation all the time. */

/** Adds a value to a key's list, creating it at the first. */
export const append = <K, V>(map: Map<K, V[]>, key: K, value: V): void => {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
};

/** The items by key, each list in their order. */
export const groupBy = <K, V>(items: Iterable<V>, keyOf: (item: V) => K): Map<K, V[]> => {
  const map = new Map<K, V[]>();
  for (const item of items) append(map, keyOf(item), item);
  return map;
};
