/**
 * Ctrl-C and its kin as one abort signal, so that a verb can stop in order wherever it is. Who asks again while
 * that takes long is obeyed at once.
 */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** One Ctrl-C may arrive twice: from the terminal, and passed on by a parent. */
const SAME_WITHIN = 1000;

export interface Interrupt {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal;
  /** Resolves at the first signal. */
  readonly asked: Promise<void>;
  /** Gives the signals back to Node. */
  release(): void;
}

/** Takes over the signals that ask a process to end. */
export const listenForInterrupt = (): Interrupt => {
  const controller = new AbortController();
  const asked = new Promise<void>((resolve) => {
    controller.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  let since = 0;
  const onSignal = (): void => {
    if (!controller.signal.aborted) {
      since = performance.now();
      controller.abort();
    } else if (performance.now() - since > SAME_WITHIN) {
      process.exit(130);
    }
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    asked,
    release: () => {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
};
