/** An error as the terminal shows it: what is wrong, and what to do. Only a defect shows its stack. */
import { MissingSchemaError } from '../catalog/load.ts';
import { ConfigError } from '../config.ts';
import { ApiError } from '../errors/error.ts';
import { StartError } from '../errors/start.ts';

/** Ends with a line break. */
export const renderProblem = (error: unknown, bold: (text: string) => string): string => {
  if (error instanceof StartError) {
    return `${bold(error.message)}\n${error.hint === null ? '' : `${error.hint}\n`}`;
  }
  if (error instanceof ConfigError || error instanceof MissingSchemaError) return `${error.message}\n`;
  if (error instanceof ApiError) {
    const more = [error.details, error.hint].filter((text) => typeof text === 'string');
    return `${[bold(error.message), ...more].join('\n')}\n`;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `Aura failed in a way that it should not:\n${text}\n`;
};
