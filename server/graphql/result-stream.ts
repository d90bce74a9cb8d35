/**
 * Results of an operation as Server-Sent Events, in the "distinct connections mode" of GraphQL over SSE
 * (https://github.com/graphql/graphql-over-http/blob/main/rfcs/GraphQLOverSSE.md). Of results that a client is too slow to
 * take only the last one waits for it: each is a whole answer.
 */
import { Readable } from 'node:stream';

export interface ResultStream {
  readonly lines: Readable;
  /** A result, as JSON on one line. */
  readonly send: (result: Buffer) => void;
  /** Nothing more comes. */
  readonly complete: () => void;
}

const NEXT = Buffer.from('event: next\ndata: ');
const END = Buffer.from('\n\n');
// without data no event is told to those who read it by the standard
const COMPLETE = Buffer.from('event: complete\ndata: \n\n');
const HEARTBEAT = Buffer.from(':\n\n');
/** A client that takes nothing for as many heartbeats is not there any more. */
const PATIENCE = 6;

/** Makes a stream; after so many seconds of silence a comment is sent. */
export function createResultStream(heartbeat: number): ResultStream {
  let isWanted = true;
  let isOver = false;
  let isComplete = false;
  let waiting: Buffer | null = null;
  let missed = 0;
  const lines = new Readable({
    read: () => {
      isWanted = true;
      missed = 0;
      flush();
    },
    destroy: (error, done) => {
      isOver = true;
      clearInterval(beat);
      done(error);
    },
  });
  const beat = setInterval(() => {
    if (isWanted) isWanted = lines.push(HEARTBEAT);
    else {
      missed += 1;
      if (missed > PATIENCE) lines.destroy();
    }
  }, heartbeat * 1000).unref();

  const flush = (): void => {
    if (isOver || !isWanted) return;
    if (waiting !== null) {
      const result = waiting;
      waiting = null;
      lines.push(NEXT);
      lines.push(result);
      isWanted = lines.push(END);
    }
    if (!isComplete) return;
    isOver = true;
    clearInterval(beat);
    lines.push(COMPLETE);
    lines.push(null);
  };
  return {
    lines,
    send: (result) => {
      if (isOver || isComplete) return;
      waiting = result;
      flush();
    },
    complete: () => {
      isComplete = true;
      flush();
    },
  };
}
