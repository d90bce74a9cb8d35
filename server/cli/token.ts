/** `aura token`: a token for trying a project as somebody. */
import { StartError } from '../errors/start.ts';
import { signToken } from '../identity/sign.ts';
import { openProject } from '../project/development.ts';
import { signingSecret } from '../project/settings.ts';

export interface TokenOptions {
  readonly projectDir: string;
  readonly role: string;
  readonly sub?: string;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Lifetime in seconds. */
  readonly expires: number;
}

/**
 * The token, which the server of the project accepts.
 * @throws StartError where there is no project, or its tokens are not signed with a shared secret
 */
export const renderToken = async (options: TokenOptions): Promise<string> => {
  const project = await openProject(options.projectDir);
  const { config } = await project.loadSettings('postgresql://', 0);
  const secret = signingSecret(config);
  if (secret === null) {
    throw new StartError(
      'The tokens of this project are not signed with a shared secret.',
      'Take one from whoever holds the private key.',
    );
  }
  const now = Math.floor(Date.now() / 1000);
  return signToken(secret, {
    ...options.claims,
    role: options.role,
    ...(options.sub === undefined ? {} : { sub: options.sub }),
    iat: now,
    exp: now + options.expires,
  });
};
