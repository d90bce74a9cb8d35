/**
 * What `aura dev` prints when all is up: where everything is, the keys, and a line to paste. Text only; dev.ts
 * prints it.
 */
import type { ClientKeys } from '../project/settings.ts';

export interface Banner {
  readonly title: string;
  readonly version: string;
  /** What is applied as it is saved: `sql/ and policies/`. */
  readonly watched: string;
  /** Names and addresses, in order. */
  readonly places: readonly (readonly [name: string, address: string])[];
  readonly keys: ClientKeys | null;
  /** A URL that answers with something. */
  readonly sampleUrl: string;
  /** Whether the sample shows something without the service key. */
  readonly sampleIsPublic: boolean;
}

/** For a shell: nothing within single quotes means anything, but for the quote itself. */
const shellQuote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** The lines of the banner. `bold` marks what catches the eye, or leaves it as it is. */
export const renderBanner = (banner: Banner, bold: (text: string) => string): string => {
  const { keys } = banner;
  const rows: (readonly [string, string])[] = [...banner.places];
  for (const [name, key] of Object.entries(keys ?? {})) rows.push([`${name} key`, key]);
  const width = Math.max(...rows.map(([name]) => name.length));
  const key = banner.sampleIsPublic ? keys?.anon : keys?.service;
  const header = key === undefined ? '' : ` -H ${shellQuote(`apikey: ${key}`)}`;
  return [
    '',
    `  ${bold(`Aura ${banner.version}`)} serves ${bold(banner.title)}`,
    '',
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    '',
    '  Try it:',
    `  curl ${shellQuote(banner.sampleUrl)}${header}`,
    '',
    `  Changes in ${banner.watched} are applied as you save them. Ctrl-C stops everything.`,
    '',
    '',
  ].join('\n');
};
