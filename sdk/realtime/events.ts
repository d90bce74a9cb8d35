/** Server-Sent Events as they come over fetch (WHATWG HTML, 9.2): EventSource cannot send headers, and so no token. */

export interface ServerEvent {
  readonly event: string;
  readonly data: string;
  /** The position behind this event, where the server says one. */
  readonly id: string | undefined;
}

/** Takes pieces of a stream's text; gives the events that are whole. */
export const createEventReader = (): ((text: string) => ServerEvent[]) => {
  let rest = '';
  let event = '';
  let id: string | undefined;
  let data: string[] = [];
  return (text) => {
    const found: ServerEvent[] = [];
    // a carriage return at the end may be half of a line break
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        // one without data is no event, but may say where the stream is
        if (data.length > 0 || id !== undefined) {
          found.push({ event: event === '' ? 'message' : event, data: data.join('\n'), id });
        }
        [event, id, data] = ['', undefined, []];
        continue;
      }
      const at = line.indexOf(':');
      const name = at < 0 ? line : line.slice(0, at);
      const value = at < 0 ? '' : line.slice(line[at + 1] === ' ' ? at + 2 : at + 1);
      if (name === 'event') event = value;
      else if (name === 'data') data.push(value);
      else if (name === 'id') id = value;
    }
    return found;
  };
};

/** The events of a body, until it ends; `onBytes` hears of everything that comes, heartbeats too. */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  onBytes: () => void,
): AsyncGenerator<readonly ServerEvent[]> {
  const decoder = new TextDecoder();
  const read = createEventReader();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      onBytes();
      const events = read(decoder.decode(value, { stream: true }));
      if (events.length > 0) yield events;
    }
  } finally {
    // whoever gives up the loop gives up the answer
    reader.cancel().catch(() => undefined);
  }
}
