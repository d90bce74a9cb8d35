/**
 * The command line: reads arguments, calls one function a verb, and turns what goes wrong into one message and
 * an exit code. `bin/aura.mjs` calls `main`.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { styleText } from 'node:util';
import { Command, InvalidArgumentError } from 'commander';
import { type DevOptions, runDev } from './cli/dev.ts';
import { listenForInterrupt } from './cli/interrupt.ts';
import { renderProblem } from './cli/problem.ts';
import type { Serve } from './cli/serve.ts';
import { renderSettings, runStart, type StartOptions } from './cli/start.ts';
import { createSteps } from './cli/steps.ts';
import { renderToken, type TokenOptions } from './cli/token.ts';
import { settings } from './config.ts';
import { repositoryFile } from './host/files.ts';
import { settingsFile } from './project/folder.ts';

const parsePort = (text: string): number => {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new InvalidArgumentError('It must be a whole number from 1 to 65535.');
};

const emphasis =
  (stream: NodeJS.WriteStream) =>
  (text: string): string =>
    stream.isTTY && process.env['NO_COLOR'] === undefined ? styleText('bold', text) : text;

/** The server is loaded when a verb needs it, so that `--help` and `--version` answer at once. */
const serveAs =
  (version: string): Serve =>
  async (load, options) =>
    (await import('./main.ts')).serve(load, { ...options, version });

const addDev = (program: Command, version: string): void => {
  program
    .command('dev')
    .summary('run a project folder: database, schema, API')
    .description('Runs a project folder on an embedded PostgreSQL and applies its changes as they are saved.')
    .option(
      '--project-dir <dir>',
      "the folder with sql/, policies/ and seed.sql, or a Supabase project's",
      '.',
    )
    .option('--port <n>', 'the port of the API (default: 54321, or what config.toml says)', parsePort)
    .option('--db-port <n>', 'the port of the embedded database (default: 54322, or likewise)', parsePort)
    .option('--db-uri <uri>', 'a database that runs elsewhere, in place of the embedded one')
    .option('--data-dir <dir>', "the embedded database's folder (default: .aura/postgres in the project)")
    .action(async (given: Partial<DevOptions> & Pick<DevOptions, 'projectDir'>) => {
      const interrupt = listenForInterrupt();
      await runDev(
        {
          projectDir: given.projectDir,
          port: given.port ?? null,
          dbPort: given.dbPort ?? null,
          dbUri: given.dbUri ?? null,
          dataDir: given.dataDir ?? null,
        },
        {
          version,
          serve: serveAs(version),
          steps: createSteps(process.stderr),
          print: (text) => void process.stdout.write(text),
          bold: emphasis(process.stdout),
          signal: interrupt.signal,
        },
      );
      interrupt.release();
    });
};

const parseLifetime = (text: string): number => {
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
  const [, count = '', unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (units[unit] ?? 0);
  if (seconds > 0) return seconds;
  throw new InvalidArgumentError('It must be a number with s, m, h or d: 30m, 12h, 7d.');
};

const parseClaims = (text: string): Readonly<Record<string, unknown>> => {
  try {
    const claims: unknown = JSON.parse(text);
    if (typeof claims === 'object' && claims !== null && !Array.isArray(claims)) return { ...claims };
  } catch {
    // said below
  }
  throw new InvalidArgumentError('It must be a JSON object.');
};

const addToken = (program: Command): void => {
  program
    .command('token')
    .summary('print a token of a project for development')
    .description("Prints a token that a project's server accepts, signed with the project's own secret.")
    .option('--project-dir <dir>', 'the project folder', '.')
    .option('--role <role>', 'the role to run as', 'authenticated')
    .option('--sub <id>', 'who it is: the claim sub')
    .option('--claims <json>', 'further claims', parseClaims, {})
    .option('--expires <time>', 'how long it is good for', parseLifetime, 12 * 3600)
    .action(async (options: TokenOptions) => {
      process.stdout.write(`${await renderToken(options)}\n`);
    });
};

/** Every setting as an option, so that each can be given on the command line too. */
const addSettings = (command: Command): Command => {
  for (const [name, setting] of Object.entries(settings)) {
    command.option(`--${name} <value>`, setting.description);
  }
  return command;
};

const startOptions = (file: string | undefined, command: Command): StartOptions => {
  const flags: Record<string, unknown> = {};
  for (const option of command.options) {
    const name = option.long?.slice(2) ?? '';
    const value: unknown = command.getOptionValue(option.attributeName());
    if (name in settings && value !== undefined) flags[name] = value;
  }
  return { file: file ?? (existsSync(settingsFile) ? settingsFile : null), flags };
};

const addStart = (program: Command, version: string): void => {
  const start = program
    .command('start')
    .summary('serve an existing database (production)')
    .description(
      'Serves an existing database. Settings come from the options below, the environment (AURA_DB_URI or PGRST_DB_URI, and so on) and a configuration file, in this order.',
    )
    .argument('[file]', `a configuration file (default: ${settingsFile}, if there is one)`)
    .option('--dump-config', 'print the effective settings without secrets, and end');
  addSettings(start).action(async (file: string | undefined, given: { dumpConfig?: boolean }) => {
    const options = startOptions(file, start);
    if (given.dumpConfig === true) {
      process.stdout.write(renderSettings(options));
      return;
    }
    const interrupt = listenForInterrupt();
    await runStart(options, serveAs(version), interrupt.asked);
    interrupt.release();
  });
};

const addInspect = (program: Command): void => {
  const inspect = program
    .command('inspect')
    .summary('print the catalog as JSON')
    .description(
      'Prints what Aura knows of the exposed schemas: relations, relationships, functions, grants.',
    )
    .argument('[file]', `a configuration file (default: ${settingsFile}, if there is one)`);
  addSettings(inspect).action(async (file: string | undefined) => {
    const { renderInspection } = await import('./cli/inspect.ts');
    process.stdout.write(await renderInspection(startOptions(file, inspect)));
  });
};

interface GivenGen {
  readonly out?: string;
  readonly schema?: string;
  readonly format?: string;
  readonly catalog?: string;
  readonly projectDir?: string;
  readonly watch?: true;
  readonly check?: true;
  readonly brandDomains?: true;
  readonly trustForeignKeys?: true;
}

const addGen = (program: Command): void => {
  const gen = program
    .command('gen')
    .summary('print types, schemas and diagrams from the schema')
    .description(
      'Prints code from the schema of a database (--db-uri, or the settings), of the migrations in a project folder (--project-dir), or of a file that aura inspect wrote (--catalog).',
    )
    .argument('<target>', 'types, zod, openapi, graphql, erd, python, dart, go')
    .argument('[file]', `a configuration file (default: ${settingsFile}, if there is one)`)
    .option('--out <file>', 'where to write (default: standard output)')
    .option('--schema <names>', 'the schemas to print, with commas (default: all that are exposed)')
    .option('--project-dir <dir>', 'a project folder: its migrations are applied to an empty database')
    .option('--catalog <file>', 'a file that aura inspect wrote')
    .option(
      '--format <format>',
      'of targets that have several: mermaid or svg of erd, json or yaml of openapi, graphql or extended of graphql',
    )
    .option('--watch', 'write again whenever the schema changes')
    .option('--check', 'write nothing, and end with 1 if the file is not up to date')
    .option('--brand-domains', 'tell the values of domains from those of their base types')
    .option('--trust-foreign-keys', 'what a foreign key that is not null refers to is always visible');
  addSettings(gen).action(async (target: string, file: string | undefined, given: GivenGen) => {
    const { runGen } = await import('./cli/gen.ts');
    const interrupt = listenForInterrupt();
    const schemas = given.schema?.split(',').map((name) => name.trim()) ?? [];
    try {
      await runGen(
        {
          target,
          schemas,
          out: given.out ?? null,
          format: given.format ?? null,
          watch: given.watch === true,
          check: given.check === true,
          brandDomains: given.brandDomains === true,
          trustForeignKeys: given.trustForeignKeys === true,
          catalog: given.catalog ?? null,
          projectDir: given.projectDir ?? null,
          settings: startOptions(file, gen),
        },
        {
          steps: createSteps(process.stderr),
          print: (text) => void process.stdout.write(text),
          bold: emphasis(process.stderr),
          signal: interrupt.signal,
        },
      );
    } finally {
      interrupt.release();
    }
  });
};

/** Runs a command line (`process.argv`), and sets the exit code. */
export const main = async (argv: readonly string[]): Promise<void> => {
  const { version }: { version: string } = JSON.parse(await readFile(repositoryFile('package.json'), 'utf8'));
  const program = new Command('aura')
    .description('A Postgres schema becomes a REST API under Row-Level Security.')
    .version(version)
    .showHelpAfterError('Try --help.');
  addDev(program, version);
  addStart(program, version);
  addInspect(program);
  addGen(program);
  addToken(program);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.stderr.write(renderProblem(error, emphasis(process.stderr)));
    process.exitCode = 1;
  }
};
