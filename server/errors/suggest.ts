/**
 * Nearest-name suggestions for hints: approximate matching by shared character n-grams (cosine similarity),
 * refined by edit distance. The method is that of the public "fuzzy set" algorithm, whose scores PostgREST's
 * hints are built on, so that the same misspelling gets the same suggestion.
 */

const LARGEST_GRAM = 3;
const SMALLEST_GRAM = 2;
const CANDIDATES_REFINED = 50;

function gramCounts(text: string, size: number): Map<string, number> {
  const word = `-${text.replace(/[^\p{L}\p{N}, ]+/gu, '')}-`.padEnd(size, '-');
  const counts = new Map<string, number>();
  for (let at = 0; at + size <= word.length; at++) {
    const gram = word.slice(at, at + size);
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return counts;
}

const norm = (counts: Map<string, number>): number => {
  let sum = 0;
  for (const count of counts.values()) sum += count * count;
  return Math.sqrt(sum);
};

/** Levenshtein's edit distance, in one row of memory. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, replaced));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** A candidate and its similarity, 0 to 1; 1 is the same text but for case. */
export interface Suggestion {
  readonly text: string;
  readonly score: number;
}

/** Candidates similar to `wanted`, best first, none below `minimum` (0 to 1). */
export function suggest(wanted: string, candidates: Iterable<string>, minimum = 0.33): Suggestion[] {
  const target = wanted.toLowerCase();
  const known = new Map<string, string>();
  for (const candidate of candidates) {
    const key = candidate.toLowerCase();
    if (!known.has(key)) known.set(key, candidate);
  }
  const exact = known.get(target);
  if (exact !== undefined) return [{ text: exact, score: 1 }];

  for (let size = LARGEST_GRAM; size >= SMALLEST_GRAM; size--) {
    const wantedGrams = gramCounts(target, size);
    const wantedNorm = norm(wantedGrams);
    const similar: { key: string; score: number }[] = [];
    for (const key of known.keys()) {
      const grams = gramCounts(key, size);
      let dot = 0;
      for (const [gram, count] of wantedGrams) dot += count * (grams.get(gram) ?? 0);
      if (dot > 0) similar.push({ key, score: dot / (wantedNorm * norm(grams)) });
    }
    const refined = similar
      .sort((a, b) => b.score - a.score)
      .slice(0, CANDIDATES_REFINED)
      .map(({ key }) => ({
        text: known.get(key) ?? key,
        score: 1 - editDistance(key, target) / Math.max(key.length, target.length),
      }))
      .filter(({ score }) => score >= minimum)
      .sort((a, b) => b.score - a.score);
    if (refined.length > 0) return refined;
  }
  return [];
}

/** The most similar candidate, or null. */
export const suggestOne = (wanted: string, candidates: Iterable<string>, minimum?: number): string | null =>
  suggest(wanted, candidates, minimum)[0]?.text ?? null;
