/**
 * Which headers SQL may put on an answer, with `response.headers` or with an error that it raises.
 */

/** Headers that say how the answer travels: the server's own, or the connection would lose its place. */
const FRAMING: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Whether SQL may set a header of this name (RFC 9110 section 5.1). */
export const isAnswerHeader = (name: string): boolean =>
  /^[\w!#$%&'*+.^`|~-]+$/.test(name) && !FRAMING.has(name.toLowerCase());
