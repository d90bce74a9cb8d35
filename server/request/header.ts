/**
 * Header values: Node reads them as Latin-1, clients write them in UTF-8.
 */

/** A header's text as it was meant. */
export const decodeHeader = (text: string): string =>
  /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, 'latin1').toString('utf8');
