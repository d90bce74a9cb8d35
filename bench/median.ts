/** Medians, for numbers that a busy machine makes noisy. */

/** The middle value; of an even number the higher one. NaN for none. */
export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
