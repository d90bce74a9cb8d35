/**
 * Tells the person at the terminal what is going on: a spinner that leaves a line for each step that is done, or
 * plain lines where nobody watches (a pipe, CI).
 */
import yoctoSpinner from 'yocto-spinner';

export interface Steps {
  /** Begins a step; the one before is done. */
  begin(text: string): void;
  /** Something to know beside the steps. */
  note(text: string): void;
  /** All steps are done. */
  finish(): void;
  /** The step under way went wrong. */
  fail(): void;
}

type Output = NodeJS.WriteStream;

const createLines = (output: Output): Steps => ({
  begin: (text) => void output.write(`${text}\n`),
  note: (text) => void output.write(`${text}\n`),
  finish: () => undefined,
  fail: () => undefined,
});

const createSpinner = (output: Output): Steps => {
  // signals are the verb's own: the spinner would end the process before the database is stopped
  const spinner = yoctoSpinner({ stream: output, handleSignals: false });
  const settle = (how: 'success' | 'error'): void => {
    if (spinner.isSpinning) spinner[how]();
  };
  return {
    begin: (text) => {
      settle('success');
      spinner.start(text);
    },
    note: (text) => {
      const under = spinner.isSpinning ? spinner.text : null;
      spinner.stop();
      output.write(`  ${text}\n`);
      if (under !== null) spinner.start(under);
    },
    finish: () => settle('success'),
    fail: () => settle('error'),
  };
};

/** Steps on a stream, in the manner that suits it. */
export const createSteps = (output: Output): Steps =>
  output.isTTY && process.env['TERM'] !== 'dumb' && process.env['CI'] === undefined
    ? createSpinner(output)
    : createLines(output);
