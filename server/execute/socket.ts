/**
 * The sockets to PostgreSQL. Node makes a new buffer of 64 KB for each piece that arrives, which lives until the
 * next garbage collection; here one buffer a connection takes them all. What `data` hands out is therefore valid
 * only until the listener returns, once `reuse` has been called; before that it is a copy, as the driver expects.
 */
import { Socket } from 'node:net';

/** A socket whose listeners take what they need before they return. */
export interface ReusingSocket extends Socket {
  /** From now on the pieces are not copied any more. */
  reuse: () => void;
}

const PIECE_BYTES = 64 * 1024;

/** A socket that reads into one buffer. */
export function createReusingSocket(): ReusingSocket {
  let copies = true;
  const socket = new Socket({
    onread: {
      buffer: Buffer.allocUnsafeSlow(PIECE_BYTES),
      callback: (bytes, buffer) => {
        const piece = Buffer.from(buffer.buffer, buffer.byteOffset, bytes);
        socket.emit('data', copies ? Buffer.from(piece) : piece);
        return true;
      },
    },
  } as ConstructorParameters<typeof Socket>[0]);
  return Object.assign(socket, {
    reuse: () => {
      copies = false;
    },
  });
}

/** Whether the socket can stop copying: one under TLS cannot, it has buffers of its own. */
export const isReusing = (socket: object): socket is ReusingSocket => 'reuse' in socket;
