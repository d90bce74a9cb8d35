/** An error as the terminal shows it: what is wrong, and what to do. Only a defect shows its stack. */
import { ConfigError } from '../config.ts';
import { StartError } from '../errors/start.ts';

/** Ends with a line break. */
export const renderProblem = (error: unknown, bold: (text: string) => string): string => {
  if (error instanceof StartError) {
    return `${bold(error.message)}\n${error.hint === null ? '' : `${error.hint}\n`}`;
  }
  if (error instanceof ConfigError) return `${error.message}\n`;
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `Aura failed in a way that it should not:\n${text}\n`;
};
