/**
 * Buffers for large answers, used again once the answer is sent. Memory that is new each time costs a page fault every
 * 4 KB, and lies about until V8 collects the small objects that hold it.
 */

const KB = 1024;
/** Smaller ones are cheap to make. */
export const LEAST_RECYCLED_BYTES = 64 * KB;
/** Larger ones are rare, and too large to be kept. */
const LARGEST = 4096 * KB;
/** Kept between answers, in all. */
const MOST_KEPT_BYTES = 8192 * KB;

export class Recycler {
  /** By their size, a power of two. */
  readonly #free = new Map<number, ArrayBuffer[]>();
  /** Those that are in use. What never comes back is V8's to collect. */
  readonly #lent = new WeakSet<ArrayBufferLike>();
  #kept = 0;

  /** A buffer with this many bytes of anything. */
  take(bytes: number): Buffer {
    if (bytes < LEAST_RECYCLED_BYTES || bytes > LARGEST) return Buffer.allocUnsafeSlow(bytes);
    const size = 2 ** Math.ceil(Math.log2(bytes));
    const kept = this.#free.get(size)?.pop();
    if (kept !== undefined) this.#kept -= size;
    const memory = kept ?? Buffer.allocUnsafeSlow(size).buffer;
    this.#lent.add(memory);
    return Buffer.from(memory, 0, bytes);
  }

  /** Takes back the memory of a buffer, or of a part of one, that nobody reads any more. Others are left alone. */
  give({ buffer: memory }: Buffer): void {
    if (!this.#lent.delete(memory)) return;
    const size = memory.byteLength;
    if (this.#kept + size > MOST_KEPT_BYTES) return;
    const list = this.#free.get(size);
    if (list === undefined) this.#free.set(size, [memory as ArrayBuffer]);
    else list.push(memory as ArrayBuffer);
    this.#kept += size;
  }
}
