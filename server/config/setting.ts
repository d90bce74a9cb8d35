/**
 * What one setting is: its kind of value, its default and what the documentation says of it. The sections
 * beside this file are tables of settings; config.ts composes them.
 */
import type { Kind } from './kinds.ts';

export interface Setting<T> {
  readonly kind: Kind<unknown>;
  /** The value where no source names one. */
  readonly default: T;
  /** One sentence or two, for `docs/settings.md`. */
  readonly description: string;
  /** Where the setting comes from: PostgREST's, under its own name, or ours. */
  readonly origin: 'PostgREST' | 'Aura';
  /** Whether a configuration reload applies it to the running server. */
  readonly reloadable: boolean;
  /** Whether `alter role ... set pgrst.<name>` (or `aura.<name>`) can set it. */
  readonly inDatabase: boolean;
  /** Whether its value must never be printed. */
  readonly secret: boolean;
  /** Other names of it, which count where the name itself is not given. */
  readonly aliases: readonly string[];
  /** Whether the empty text is a value (an empty list) and not the absence of one. */
  readonly keepsEmpty: boolean;
  /** How the default reads where its value says too little: `no limit`. */
  readonly defaultNote: string | null;
}

/** A table of settings by their names. */
export type Section = Readonly<Record<string, Setting<unknown>>>;

interface Facts {
  readonly description: string;
  readonly origin?: 'PostgREST' | 'Aura';
  readonly reloadable?: boolean;
  readonly inDatabase?: boolean;
  readonly secret?: boolean;
  readonly aliases?: readonly string[];
  readonly keepsEmpty?: boolean;
  readonly defaultNote?: string;
}

/** A setting of PostgREST's; `facts` name only what is not the ordinary case. */
export const setting = <T, const D extends T | null>(
  kind: Kind<T>,
  initial: D,
  facts: Facts,
): Setting<null extends D ? T | null : T> => ({
  kind: kind as Kind<unknown>,
  default: initial as null extends D ? T | null : T,
  description: facts.description,
  origin: facts.origin ?? 'PostgREST',
  reloadable: facts.reloadable ?? false,
  inDatabase: facts.inDatabase ?? false,
  secret: facts.secret ?? false,
  aliases: facts.aliases ?? [],
  keepsEmpty: facts.keepsEmpty ?? false,
  defaultNote: facts.defaultNote ?? null,
});

/** A setting that PostgREST does not have. */
export const ownSetting = <T, const D extends T | null>(
  kind: Kind<T>,
  initial: D,
  facts: Facts,
): Setting<null extends D ? T | null : T> => setting(kind, initial, { ...facts, origin: 'Aura' });

type CamelCase<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/** The typed values of a table of settings: a property per setting, its name in camelCase. */
export type ValuesOf<Settings extends Section> = {
  readonly [Name in keyof Settings as CamelCase<Name & string>]: Settings[Name] extends Setting<infer T>
    ? T
    : never;
};

/** `db-schemas` → `dbSchemas`. */
export const propertyOf = (name: string): string =>
  name.replaceAll(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
