/**
 * Kinds of setting values: how the text of an environment variable, a file or the database becomes a typed
 * value, what is allowed, and how the value is printed again. Every kind takes text as well as the native
 * type of a TOML or flag value, because the same setting can come from any of them.
 */
import { z } from 'zod';
import type { QualifiedName } from '../names.ts';

export interface Kind<T> {
  /** For the documentation: `integer`, `list`, ... */
  readonly type: string;
  /** What is allowed, to complete the sentence "expected ...". */
  readonly allowed: string;
  /** From a raw value (text, number, boolean or list) to the typed one; an issue's message says what is wrong. */
  readonly schema: z.ZodType<T>;
  /** The value as a configuration file holds it. */
  readonly render: (value: T) => string;
}

/** A string as `dumpConfig` prints it. */
export const quoted = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

const shown = (raw: unknown): string => (typeof raw === 'string' ? `"${raw}"` : JSON.stringify(raw));
const got = (issue: { readonly input?: unknown }): string => `got ${shown(issue.input)}`;

const asText = (raw: unknown): unknown =>
  typeof raw === 'number' || typeof raw === 'boolean' ? String(raw) : raw;

/** Any text. */
export const text = (allowed = 'text'): Kind<string> => ({
  type: 'string',
  allowed,
  schema: z.preprocess(asText, z.string({ error: got })),
  render: quoted,
});

/** Text that must pass `accept`. */
export const textWhere = (allowed: string, accept: (value: string) => boolean): Kind<string> => ({
  type: 'string',
  allowed,
  schema: z.preprocess(asText, z.string({ error: got }).refine(accept, { error: got })),
  render: quoted,
});

/** One of a few words. */
export const choice = <const T extends string>(words: readonly T[]): Kind<T> => ({
  type: words.map((word) => `\`${word}\``).join(', '),
  allowed: `one of ${words.join(', ')}`,
  schema: z.preprocess(asText, z.enum(words as readonly [T, ...T[]], { error: got })),
  render: quoted,
});

const asInteger = (raw: unknown): unknown =>
  typeof raw === 'string' && /^\s*[+-]?\d+\s*$/.test(raw) ? Number(raw) : raw;

/** A whole number between two bounds, both included. */
export const integer = (min: number, max: number = Number.MAX_SAFE_INTEGER, unit = ''): Kind<number> => {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return {
    type: unit === '' ? 'integer' : `integer (${unit})`,
    allowed: `a whole number ${range}${unit === '' ? '' : ` (${unit})`}`,
    schema: z.preprocess(asInteger, z.int({ error: got }).min(min, { error: got }).max(max, { error: got })),
    render: String,
  };
};

const asBoolean = (raw: unknown): unknown => {
  if (typeof raw !== 'string') return raw;
  const word = raw.replaceAll(/[^\p{L}]/gu, '').toLowerCase();
  if (word === 'true' || word === 'false') return word === 'true';
  return /^\s*-?\d+\s*$/.test(raw) ? Number(raw) > 0 : raw;
};

/** `true` or `false` in any case, or a number, of which those above 0 are true. */
export const boolean: Kind<boolean> = {
  type: 'boolean',
  allowed: 'true or false',
  schema: z.preprocess(asBoolean, z.boolean({ error: got })),
  render: String,
};

const asList = (raw: unknown): unknown => {
  if (typeof raw !== 'string') return raw;
  return raw === '' ? [] : raw.split(',').map((item) => item.trim());
};

/** A comma-separated list (or, in TOML, an array) whose items are not empty and pass `accept`. */
export const list = (
  allowed: string,
  accept: (item: string) => boolean = () => true,
): Kind<readonly string[]> => ({
  type: 'list',
  allowed,
  schema: z.preprocess(
    asList,
    z
      .array(
        z.string({ error: got }).refine((item) => item !== '' && accept(item), { error: got }),
        {
          error: got,
        },
      )
      .readonly(),
  ),
  render: (items) => quoted(items.join(',')),
});

/** `schema.name` of a function; `schema` is empty where none is given: PostgreSQL then looks along the search path. */
export const qualifiedName: Kind<QualifiedName> = {
  type: 'string',
  allowed: 'the name of a function, as schema.name or name',
  schema: z.preprocess(
    asText,
    z
      .string({ error: got })
      .refine((value) => !value.startsWith('.') && !value.endsWith('.') && !value.includes('\0'), {
        error: got,
      })
      .transform((value) => {
        const dot = value.indexOf('.');
        return { schema: dot < 0 ? '' : value.slice(0, dot), name: value.slice(dot + 1) };
      }),
  ),
  render: (name) => quoted(name.schema === '' ? name.name : `${name.schema}.${name.name}`),
};

/** The mode of a Unix socket's file, written in octal. */
export const fileMode: Kind<number> = {
  type: 'string (octal)',
  allowed: 'an octal file mode from 600 to 777',
  schema: z.preprocess(
    asText,
    z
      .string({ error: got })
      .regex(/^[67][0-7]{2}$/, { error: got })
      .transform((mode) => Number.parseInt(mode, 8)),
  ),
  render: (mode) => quoted(mode.toString(8)),
};
