/**
 * What a project keeps to itself on this machine: secrets, made once, in the git-ignored folder `.aura/`. From
 * the signing secret come the keys that clients send.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError, systemCode } from '../errors/start.ts';
import { signToken } from '../identity/sign.ts';

export interface Secrets {
  /** Signs tokens with HS256. */
  readonly jwtSecret: string;
  /** The password of the role `authenticator`. */
  readonly authenticatorPassword: string;
  /** When the secrets were made, in seconds since 1970. */
  readonly madeAt: number;
}

/** The folder within a project that Aura writes to. */
export const privateFolder = (projectFolder: string): string => join(projectFolder, '.aura');

const isSecrets = (value: unknown): value is Secrets =>
  typeof value === 'object' &&
  value !== null &&
  'jwtSecret' in value &&
  typeof value.jwtSecret === 'string' &&
  'authenticatorPassword' in value &&
  typeof value.authenticatorPassword === 'string' &&
  'madeAt' in value &&
  typeof value.madeAt === 'number';

const makeSecrets = async (file: string): Promise<Secrets> => {
  const secrets: Secrets = {
    jwtSecret: randomBytes(48).toString('base64url'),
    authenticatorPassword: randomBytes(24).toString('base64url'),
    madeAt: Math.floor(Date.now() / 1000),
  };
  // whole or not at all: a start that is killed here must not leave half a file
  await writeFile(`${file}.new`, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return secrets;
};

/**
 * The project's secrets, made at the first call.
 * @throws StartError if the file is there but cannot be used
 */
export const loadSecrets = async (projectFolder: string): Promise<Secrets> => {
  const folder = privateFolder(projectFolder);
  const file = join(folder, 'secrets.json');
  try {
    // others may pass, since PostgreSQL's account may have to; each file in here guards itself
    await mkdir(folder, { recursive: true, mode: 0o755 });
    await writeFile(join(folder, '.gitignore'), '*\n');
    const secrets: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (isSecrets(secrets)) return secrets;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return makeSecrets(file);
    if (!(error instanceof SyntaxError)) {
      throw new StartError(
        `The project's secrets cannot be kept in ${folder}: ${error instanceof Error ? error.message : String(error)}.`,
        'Make the folder writable for you: it may belong to whoever started Aura here before.',
        error,
      );
    }
  }
  throw new StartError(
    `${file} does not hold what Aura wrote there.`,
    'Delete it to have new secrets made; tokens signed with the old ones are then refused.',
  );
};

/** A key that a client sends, for ten years. The same each time for the same secret. */
export const signKey = (jwtSecret: Uint8Array, role: string, madeAt: number): string =>
  signToken(jwtSecret, { iss: 'aura', role, iat: madeAt, exp: madeAt + 10 * 365 * 86_400 });
