/** Domains and composite types. */
import type { RawComposite, RawDomain } from './raw.ts';
import type { Composite, Domain } from './types.ts';

export const buildDomain = (raw: RawDomain): Domain => ({
  name: { schema: raw.schema, name: raw.name },
  comment: raw.comment,
  baseType: raw.base,
  notNull: raw.not_null,
  default: raw.default,
  checks: raw.checks,
});

export const buildComposite = (raw: RawComposite): Composite => ({
  name: { schema: raw.schema, name: raw.name },
  comment: raw.comment,
  attributes: raw.attributes,
});
