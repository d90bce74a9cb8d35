/**
 * The Prefer header (RFC 7240): what is understood, and what of it the response says was applied.
 */
import type { Preferences } from './ast.ts';

const WORDS = {
  'resolution=merge-duplicates': { resolution: 'merge-duplicates' },
  'resolution=ignore-duplicates': { resolution: 'ignore-duplicates' },
  'return=representation': { representation: 'full' },
  'return=minimal': { representation: 'minimal' },
  'return=headers-only': { representation: 'headers-only' },
  'count=exact': { count: 'exact' },
  'count=planned': { count: 'planned' },
  'count=estimated': { count: 'estimated' },
  'tx=commit': { transaction: 'commit' },
  'tx=rollback': { transaction: 'rollback' },
  'missing=default': { missing: 'default' },
  'missing=null': { missing: 'null' },
  'pagination=cursor': { pagination: 'cursor' },
  'handling=strict': { handling: 'strict' },
  'handling=lenient': { handling: 'lenient' },
} as const satisfies Record<string, Partial<Preferences>>;

const NONE: Preferences = {
  resolution: null,
  representation: null,
  count: null,
  transaction: null,
  missing: null,
  handling: null,
  timezone: null,
  maxAffected: null,
  pagination: null,
  invalid: [],
};

/**
 * Reads the preferences; of two for the same thing the first counts. `tx` counts only where the
 * configuration lets clients choose. Names of time zones are checked later, where they are known.
 */
export function parsePrefer(header: string | undefined, mayChooseTransactionEnd: boolean): Preferences {
  if (header === undefined) return NONE;
  const found: { -readonly [K in keyof Preferences]?: Preferences[K] } = {};
  const invalid: string[] = [];
  for (const item of header.split(',').map((text) => text.trim())) {
    const known: Partial<Preferences> | undefined = Object.hasOwn(WORDS, item)
      ? WORDS[item as keyof typeof WORDS]
      : undefined;
    if (known) {
      if (!known.transaction || mayChooseTransactionEnd) Object.assign(found, { ...known, ...found });
    } else if (item.startsWith('timezone=')) {
      found.timezone ??= item.slice('timezone='.length);
    } else if (item.startsWith('max-affected=')) {
      const count = /^-?\d+$/.test(item.slice('max-affected='.length));
      if (count) found.maxAffected ??= Number(item.slice('max-affected='.length));
    } else {
      invalid.push(item);
    }
  }
  return { ...NONE, ...found, invalid };
}

const wordFor = (wanted: Partial<Preferences>): string | null => {
  const [[key, value] = []] = Object.entries(wanted);
  if (key === undefined || value === null) return null;
  const match = Object.entries(WORDS).find(([, word]) => (word as Record<string, unknown>)[key] === value);
  return match?.[0] ?? null;
};

/** The Preference-Applied header; null where nothing was applied. */
export function renderApplied(preferences: Omit<Preferences, 'invalid'>): string | null {
  const {
    resolution,
    missing,
    representation,
    count,
    transaction,
    handling,
    timezone,
    maxAffected,
    pagination,
  } = preferences;
  const words = [
    wordFor({ resolution }),
    wordFor({ missing }),
    wordFor({ representation }),
    wordFor({ count }),
    wordFor({ pagination }),
    wordFor({ transaction }),
    wordFor({ handling }),
    timezone === null ? null : `timezone=${timezone}`,
    maxAffected !== null && handling === 'strict' ? `max-affected=${maxAffected}` : null,
  ].filter((word) => word !== null);
  return words.length === 0 ? null : words.join(', ');
}
