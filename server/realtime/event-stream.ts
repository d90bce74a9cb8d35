/**
 * A live query as Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html): what is told in
 * one go has its bookmark as the `id` of its last event, so that nobody goes on from the middle of it.
 */
import { Readable } from 'node:stream';
import { apiError } from '../errors/codes.ts';
import type { ApiError } from '../errors/error.ts';
import type { LiveEvent } from './known-rows.ts';
import type { LiveSink } from './live.ts';
import type { LiveBatch } from './live-group.ts';

export interface EventStreamOptions {
  /** Seconds of silence before a comment is sent. */
  readonly heartbeat: number;
  /** Bytes that may wait for the client. */
  readonly maxBuffer: number;
  /** The error as JSON on one line. */
  readonly describe: (reason: ApiError) => string;
}

/** A stream of events, and what fills it. */
export interface EventStream extends LiveSink {
  readonly lines: Readable;
  /** The code of the error that ended it; null = it goes on, or its client went. */
  readonly endedBy: () => string | null;
}

/** For the last event to be taken. */
const FAREWELL_MS = 5000;

const HEARTBEAT = Buffer.from(':\n\n');

function dataOf(event: LiveEvent): string {
  switch (event.kind) {
    case 'snapshot':
    case 'reset': {
      const keys = event.rows.map(({ key }) => key).join(',');
      const rows = event.rows.map(({ row }) => row).join(',');
      return `{"keys":[${keys}],"rows":[${rows}]}`;
    }
    case 'delete':
      return `{"key":${event.key}}`;
    default: {
      const after = event.after === undefined ? '' : `,"after":${event.after}`;
      return `{"key":${event.key},"row":${event.row}${after}}`;
    }
  }
}

/** The bytes of what is told in one go, which are the same for all who are told. */
function framesOf({ events, bookmark }: LiveBatch): Buffer {
  if (events.length === 0) return Buffer.from(`event: resume\nid: ${bookmark}\ndata: {}\n\n`);
  const last = events.length - 1;
  const frames = events.map((event, index) => {
    const id = index === last ? `id: ${bookmark}\n` : '';
    return `event: ${event.kind}\n${id}data: ${dataOf(event)}\n\n`;
  });
  return Buffer.from(frames.join(''));
}

const rendered = new WeakMap<LiveBatch, Buffer>();

function bytesOf(batch: LiveBatch): Buffer {
  let bytes = rendered.get(batch);
  if (bytes === undefined) {
    bytes = framesOf(batch);
    rendered.set(batch, bytes);
  }
  return bytes;
}

const isWhole = ({ events }: LiveBatch): boolean =>
  events[0]?.kind === 'snapshot' || events[0]?.kind === 'reset';

/** Makes a stream. It ends with an event that says why, unless the client goes first. */
export function createEventStream({ heartbeat, maxBuffer, describe }: EventStreamOptions): EventStream {
  /** Bytes of all rows that were sent at once, until they have been taken. */
  let granted = 0;
  let isOver = false;
  let code: string | null = null;
  const lines = new Readable({
    read: () => {
      granted = 0;
    },
    destroy: (error, done) => {
      isOver = true;
      clearTimeout(silence);
      done(error);
    },
  });
  const silence = setTimeout(() => {
    if (isOver) return;
    lines.push(HEARTBEAT);
    silence.refresh();
  }, heartbeat * 1000);
  silence.unref();

  const end = (reason: ApiError): void => {
    if (isOver) return;
    isOver = true;
    code = reason.code;
    clearTimeout(silence);
    lines.push(`event: end\ndata: ${describe(reason)}\n\n`);
    lines.push(null);
    setTimeout(() => lines.destroy(), FAREWELL_MS).unref();
  };
  return {
    lines,
    endedBy: () => code,
    end,
    send: (batch) => {
      if (isOver) return;
      if (lines.readableLength > maxBuffer + granted) {
        end(
          apiError('AURA405', 'The events were read too slowly', {
            details: `More than ${maxBuffer} bytes were waiting.`,
            hint: 'Connect again with Last-Event-ID.',
          }),
        );
        return;
      }
      const bytes = bytesOf(batch);
      if (isWhole(batch) && granted === 0) granted = bytes.length;
      lines.push(bytes);
      silence.refresh();
    },
  };
}
