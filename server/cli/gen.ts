/** `aura gen`: code from the schema, once, whenever it changes, or only to see whether a file is up to date. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, extname } from 'node:path';
import { StartError, systemCode } from '../errors/start.ts';
import { type CatalogSource, openSource, type SourceOptions } from './gen-source.ts';
import { type GenOptions, type GenTarget, genTargets } from './gen-targets.ts';
import { renderProblem } from './problem.ts';
import type { Steps } from './steps.ts';

export interface GenRequest extends Omit<GenOptions, 'format'>, SourceOptions {
  readonly target: string;
  /** Null: the target's first, or the one that the file's name ends with. */
  readonly format: string | null;
  /** Where to write; null: standard output. */
  readonly out: string | null;
  readonly watch: boolean;
  readonly check: boolean;
}

/** What `gen` needs of the world around it. */
export interface GenContext {
  readonly steps: Steps;
  readonly print: (text: string) => void;
  readonly bold: (text: string) => string;
  /** Aborts when the user wants to stop. */
  readonly signal: AbortSignal;
}

const SHOWN = 20;

const findTarget = (name: string): GenTarget => {
  const target = genTargets.get(name);
  if (target !== undefined) return target;
  throw new StartError(`There is no target "${name}".`, `There are: ${[...genTargets.keys()].join(', ')}.`);
};

const chooseFormat = (target: GenTarget, { format, out }: GenRequest): string => {
  const wished = format ?? (out === null ? null : extname(out).slice(1));
  const found = target.formats.find((one) => one === wished) ?? (format === null ? target.formats[0] : null);
  if (found !== undefined && found !== null) return found;
  throw new StartError(`The target has no format "${format}".`, `It has: ${target.formats.join(', ')}.`);
};

const readOut = async (path: string): Promise<string | null> =>
  readFile(path, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  });

/** The lines that one text has more often than the other, in their order. */
const surplus = (of: readonly string[], over: readonly string[]): readonly string[] => {
  const counts = new Map<string, number>();
  for (const line of over) counts.set(line, (counts.get(line) ?? 0) + 1);
  return of.filter((line) => {
    const left = counts.get(line) ?? 0;
    counts.set(line, left - 1);
    return left <= 0;
  });
};

/** What is different, in lines that begin with + and -; the empty text where only the order of lines is. */
export const summarizeDifference = (is: string, should: string): string => {
  const [before, after] = [is.split('\n'), should.split('\n')];
  const gone = surplus(before, after).map((line) => `- ${line.trim()}`);
  const added = surplus(after, before).map((line) => `+ ${line.trim()}`);
  const lines = [...gone, ...added];
  const more = lines.length > SHOWN ? [`... and ${lines.length - SHOWN} lines more`] : [];
  return [...lines.slice(0, SHOWN), ...more].join('\n');
};

/** @throws StartError where the file is not what it should be */
const checkFile = async (path: string, text: string): Promise<void> => {
  const found = await readOut(path);
  if (found === text) return;
  if (found === null)
    throw new StartError(`There is no file ${path}.`, 'Run the same command without --check.');
  const summary = summarizeDifference(found, text) || 'The same lines are in another order.';
  throw new StartError(
    `${path} is not what the schema says.`,
    `${summary}\nRun the same command without --check to renew it.`,
  );
};

const write = async (path: string, text: string): Promise<'written' | 'unchanged'> => {
  if ((await readOut(path)) === text) return 'unchanged';
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return 'written';
};

/** Prints again after each change, one after the other, until the signal aborts. */
const follow = async (
  source: CatalogSource,
  renew: () => Promise<'written' | 'unchanged'>,
  context: GenContext,
  path: string,
): Promise<void> => {
  let running = false;
  let again = false;
  let last: Promise<void> = Promise.resolve();
  let problem = '';
  const step = async (): Promise<void> => {
    do {
      again = false;
      try {
        const outcome = await renew();
        if (outcome === 'written') context.steps.note(`Wrote ${path}`);
        problem = '';
      } catch (error) {
        const text = renderProblem(error, context.bold);
        // a database that is away is asked again and again
        if (text !== problem) context.steps.note(text.trimEnd());
        problem = text;
      }
    } while (again);
    running = false;
  };
  const unwatch = source.watch(() => {
    if (running) {
      again = true;
      return;
    }
    running = true;
    last = step();
  });
  context.steps.note(`Watching ${source.title}; Ctrl-C ends it.`);
  await new Promise<void>((resolve) => {
    if (context.signal.aborted) resolve();
    context.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  unwatch();
  await last;
};

/**
 * @throws StartError, ConfigError for what the user can mend; with `check` a StartError where the file is outdated
 */
export const runGen = async (request: GenRequest, context: GenContext): Promise<void> => {
  const { out, check } = request;
  const target = findTarget(request.target);
  const options: GenOptions = { ...request, format: chooseFormat(target, request) };
  if (out === null && (check || request.watch)) {
    throw new StartError(`--${check ? 'check' : 'watch'} needs a file.`, 'Name it with --out.');
  }
  const source = await openSource(request, context.steps.begin);
  const print = async (): Promise<string> => {
    const text = await target.print(await source.load(), options);
    context.steps.finish();
    return text;
  };
  const text = await print().catch((error: unknown) => {
    context.steps.fail();
    throw error;
  });
  if (out === null) {
    context.print(text);
    return;
  }
  if (check) {
    await checkFile(out, text);
    return;
  }
  const outcome = await write(out, text);
  context.steps.note(outcome === 'written' ? `Wrote ${out}` : `${out} is up to date`);
  if (request.watch) await follow(source, async () => write(out, await print()), context, out);
};
