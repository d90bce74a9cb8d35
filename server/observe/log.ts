/**
 * The log: a reader of observations that writes one JSON object a line. Answers go to standard output, all
 * else to standard error, and `log-level` decides as in PostgREST: `crit` start, stop and recovery, `error`
 * also answers of 500 and above, `warn` also those of 400 and above, `info` all, `debug` also the pool at work.
 *
 * Headers, tokens and parameters are in no observation; texts of errors lose their passwords here.
 */
import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import { maskQuery, maskSecrets } from '../config/mask.ts';
import type { Config } from '../config.ts';
import type { Observation, Observe, RequestObservation } from './observation.ts';

type Level = Config['logLevel'];
type LevelledLogger = Logger<Level, boolean>;

export interface Log {
  readonly observe: Observe;
  /** Writes out what is buffered; to be called before the process ends. */
  readonly flush: () => void;
}

interface LogOptions {
  /** Answers; standard output unless given. */
  readonly access?: DestinationStream;
  /** Everything else; standard error unless given. */
  readonly diagnostics?: DestinationStream;
  /** Leaves out what went as it should (started, listening, loaded): somebody else tells of it. */
  readonly quiet?: boolean;
}

/** Larger = logs more. */
const VERBOSITY: Readonly<Record<Level, number>> = { crit: 0, error: 1, warn: 2, info: 3, debug: 4 };
/** A pool that is exhausted times out many requests at once: one line in this time tells of them. */
const TIMEOUT_PAUSE_MS = 5000;

/**
 * A log under these settings, which are asked for at each observation, since a reload may change them.
 */
export function createLog(
  settings: () => Pick<Config, 'logLevel' | 'logQuery'>,
  options: LogOptions = {},
): Log {
  const stdout = options.access ?? destination({ dest: 1, sync: false });
  const access = createLogger(stdout);
  const diagnostics = createLogger(options.diagnostics ?? destination({ dest: 2, sync: true }));
  const logTimeout = createTimeoutLine(diagnostics);

  const observe: Observe = (observation) => {
    const { logLevel, logQuery } = settings();
    const verbosity = VERBOSITY[logLevel];
    if (observation.kind === 'request') {
      const level = answerLevel(observation.status);
      if (VERBOSITY[level] <= verbosity) access[level](requestFields(observation, logQuery), 'request');
      return;
    }
    if (observation.kind === 'pool timeout') {
      if (verbosity >= VERBOSITY.error) logTimeout();
      return;
    }
    const line = lineOf(observation);
    if (line === null || (options.quiet === true && line.level === 'info')) return;
    if (VERBOSITY[line.from] <= verbosity) diagnostics[line.level](line.fields, line.message);
  };
  const flush = (): void => {
    if ('flushSync' in stdout && typeof stdout.flushSync === 'function') stdout.flushSync();
  };
  return { observe, flush };
}

const createLogger = (stream: DestinationStream): LevelledLogger =>
  pino<Level, boolean>(
    {
      customLevels: { crit: 60, error: 50, warn: 40, info: 30, debug: 20 },
      useOnlyCustomLevels: true,
      level: 'debug',
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
    },
    stream,
  );

/** How grave an answer is: the least verbose `log-level` that logs it. */
function answerLevel(status: number): Level {
  if (status >= 500) return 'error';
  return status >= 400 ? 'warn' : 'info';
}

function requestFields(request: RequestObservation, withQuery: boolean): Record<string, unknown> {
  return {
    requestId: request.id,
    method: request.method,
    path: request.path,
    ...(withQuery && request.query !== '' ? { query: maskQuery(request.query) } : {}),
    status: request.status,
    durationMs: Math.round(request.seconds * 1e6) / 1000,
    bytes: request.bytes,
    role: request.role,
    client: request.clientAddress,
    userAgent: request.userAgent,
    ...(request.errorCode === null ? {} : { code: request.errorCode }),
    ...(withQuery && request.sql !== null ? { sql: request.sql } : {}),
  };
}

function createTimeoutLine(logger: LevelledLogger): () => void {
  let quietUntil = 0;
  let unlogged = 0;
  return () => {
    const now = Date.now();
    if (now < quietUntil) {
      unlogged++;
      return;
    }
    quietUntil = now + TIMEOUT_PAUSE_MS;
    logger.error({ sinceLastLine: unlogged + 1 }, 'no connection of the pool became free in time');
    unlogged = 0;
  };
}

interface Line {
  /** The least verbose `log-level` that shows the line. */
  readonly from: Level;
  /** What the line says of itself. */
  readonly level: Level;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

/** A line for every `log-level`: what operators always need. */
const always = (level: Level, message: string, fields: Record<string, unknown> = {}): Line => ({
  from: 'crit',
  level,
  message,
  fields,
});
const debug = (message: string, fields: Record<string, unknown>): Line => ({
  from: 'debug',
  level: 'debug',
  message,
  fields,
});

type Diagnostic = Exclude<Observation, { readonly kind: 'request' | 'pool timeout' }>;

/** The line that an observation makes; null for what only metrics read. */
function lineOf(observation: Diagnostic): Line | null {
  switch (observation.kind) {
    case 'starting':
      return always('info', 'starting', { version: observation.version });
    case 'listening':
      return always('info', `${observation.server} server listening`, { address: observation.address });
    case 'stopping':
      return always('info', 'stopping', { signal: observation.signal });
    case 'stopped':
      return always('info', 'stopped', { unfinishedRequests: observation.unfinishedRequests });
    case 'warning':
      return always('warn', maskSecrets(observation.message));
    case 'defect':
      return {
        from: 'error',
        level: 'error',
        message: 'a defect of the server',
        fields: { requestId: observation.requestId, error: errorFields(observation.error, true) },
      };
    case 'config reloaded':
      return always('info', 'configuration reloaded');
    case 'config rejected':
      return always('error', 'configuration not reloaded', { error: errorFields(observation.error, false) });
    case 'reload asked':
      return always('info', `reload of the ${observation.what} asked`, { by: observation.by });
    case 'catalog loaded':
      return always('info', 'catalog loaded', {
        durationMs: Math.round(observation.seconds * 1e4) / 10,
        relations: observation.relations,
        routines: observation.routines,
      });
    case 'catalog failed':
      return always('error', 'catalog not loaded', { error: errorFields(observation.error, false) });
    default:
      return connectionLine(observation);
  }
}

/** The lines about the database, its pool and its listener. */
function connectionLine(observation: Diagnostic): Line | null {
  switch (observation.kind) {
    case 'database connected':
      return always('info', 'database connected', { version: observation.version });
    case 'database lost':
      return always('error', 'database lost', { error: errorFields(observation.error, false) });
    case 'database retry':
      return always('warn', 'connecting to the database again', { delaySeconds: observation.delaySeconds });
    case 'listener connected':
      return always('info', 'listening for notifications', { channel: observation.channel });
    case 'listener lost':
      return always('error', 'notifications lost', {
        channel: observation.channel,
        error: errorFields(observation.error, false),
      });
    case 'relay failed':
      return always('error', 'the other processes were not reached', {
        error: errorFields(observation.error, false),
      });
    case 'socket closed':
      if (observation.reason === null) return null;
      return {
        from: 'warn',
        level: 'warn',
        message: 'a WebSocket was closed',
        fields: {
          code: observation.code,
          reason: observation.reason,
          seconds: Math.round(observation.seconds),
        },
      };
    case 'channel refused':
      return {
        from: 'warn',
        level: 'warn',
        message: 'a channel was refused',
        fields: { reason: maskSecrets(observation.reason) },
      };
    case 'changes told':
      return debug('changes told', {
        changes: observation.changes,
        watchers: observation.watchers,
        durationMs: Math.round(observation.seconds * 1e6) / 1000,
      });
    case 'pool sized':
      return always('info', 'connection pool ready', { max: observation.max });
    case 'connection':
      return debug(`connection ${observation.event}`, { connection: observation.connection });
    default:
      return null;
  }
}

/** An error for the log: chosen properties only, since others may hold connection strings. */
function errorFields(error: unknown, withStack: boolean): unknown {
  if (!(error instanceof Error)) return { message: maskSecrets(String(error)) };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return {
    type: error.name,
    message: maskSecrets(error.message),
    ...(code === undefined ? {} : { code }),
    ...(withStack && error.stack !== undefined ? { stack: maskSecrets(error.stack) } : {}),
    ...(error.cause === undefined ? {} : { cause: errorFields(error.cause, withStack) }),
  };
}
