/** Pieces of text that several printers need. */

/** Each line of a text with an indentation; empty lines stay empty. */
export const indent = (text: string, by = '  '): string => text.replaceAll(/^(?=.)/gm, by);

/** The words of a name: `odd "Table" nameOf2` → odd, Table, name, Of2. */
const words = (name: string): readonly string[] =>
  name
    .replaceAll(/([\p{Ll}\d])(\p{Lu})/gu, '$1 $2')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');

const capitalize = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** `task_labels` → `TaskLabels`; begins with a letter. */
export const pascalCase = (name: string): string => {
  const text = words(name).map(capitalize).join('');
  return /^\p{L}/u.test(text) ? text : `X${text}`;
};

/** `task_labels` → `taskLabels`. */
export const camelCase = (name: string): string => {
  const text = pascalCase(name);
  return text.charAt(0).toLowerCase() + text.slice(1);
};

/** `TaskLabels of` → `task_labels_of`. */
export const snakeCase = (name: string): string => {
  const text = words(name).join('_').toLowerCase();
  return /^\p{L}/u.test(text) ? text : `x_${text}`;
};

/**
 * Gives names that a target can use, and no two the same: a number is added to a name that is taken.
 */
export const createNamer = (spell: (name: string) => string, reserved: Iterable<string> = []) => {
  const taken = new Set(reserved);
  return (name: string): string => {
    const wished = spell(name);
    let free = wished;
    for (let i = 2; taken.has(free); i++) free = `${wished}${i}`;
    taken.add(free);
    return free;
  };
};

/** JSON's way to write a text, which is JavaScript's, Dart's (but for `$`) and Python's, too. */
export const quote = (text: string): string =>
  JSON.stringify(text).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
