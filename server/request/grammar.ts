/** Runs a parser over the text of a parameter; what does not follow the grammar becomes an answer. */
import { apiError } from '../errors/codes.ts';
import { listOfValues, splitPlainList } from './filter.ts';
import { columnList } from './name.ts';
import { type Parser, run } from './parser.ts';

/** Deeper than any sensible request, and far from where the parser would run out of stack. */
const MAX_NESTING = 100;

function refuseDeepNesting(text: string): void {
  let depth = 0;
  for (const found of text) {
    if (found === '(') depth += 1;
    else if (found === ')') depth -= 1;
    if (depth > MAX_NESTING) {
      throw apiError('AURA103', 'The request nests too deeply', {
        details: `Parentheses nest deeper than ${MAX_NESTING} levels.`,
        hint: 'Simplify the condition, or ask in several requests.',
      });
    }
  }
}

export function parseWith<T>(parser: Parser<T>, text: string, what: string, shown: string): T {
  refuseDeepNesting(text);
  const result = run(parser, text);
  if ('value' in result) return result.value;
  throw apiError('PGRST100', `"failed to parse ${what} (${shown})" ${result.problem.position}`, {
    details: result.problem.explanation,
  });
}

/** The items of an `in` list whose text is a slot. */
export function parseList(text: string): readonly string[] {
  const plain = splitPlainList(text);
  if (plain) return plain;
  const result = run(listOfValues, text);
  if ('value' in result) return result.value;
  return parseWith(listOfValues, text, 'filter', text);
}

export function parseColumns(text: string | undefined, parameter: string): string[] | null {
  return text === undefined ? null : parseWith(columnList, text, `${parameter} parameter`, text);
}
