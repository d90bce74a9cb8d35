/**
 * The id of a request, by which its log lines and its answer are found again.
 */
import { randomFillSync } from 'node:crypto';

const PREFIX_BYTES = 8;
const LONGEST = 128;

/** The id that the client sent where it is fit for one (`server-trace-header`), else a new one. */
export type RequestId = (sent: string | undefined) => string;

/**
 * A maker of ids: unique over processes by a random prefix, in order within one by a counter. No id tells
 * anything that a secret would have to, so that randomness for each would be wasted on it.
 */
export function createRequestId(): RequestId {
  const prefix = randomFillSync(Buffer.alloc(PREFIX_BYTES)).toString('hex');
  let count = 0;
  return (sent) => {
    if (sent !== undefined && sent !== '' && sent.length <= LONGEST && /^[\x21-\x7e]+$/.test(sent))
      return sent;
    count++;
    return `${prefix}-${count.toString(36)}`;
  };
}
