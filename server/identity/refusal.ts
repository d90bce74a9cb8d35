/**
 * The refusals of this room, with the `WWW-Authenticate` header that RFC 6750 asks for.
 */
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';

const challenge = (message: string): Record<string, string> => ({
  'WWW-Authenticate': `Bearer error="invalid_token", error_description=${JSON.stringify(message)}`,
});

/** The token cannot be decoded or verified: PGRST301. */
export const tokenError = (
  message: string,
  details: string | null = null,
  hint: string | null = null,
): ApiError => apiError('PGRST301', message, { details, hint, headers: challenge(message) });

/** A key came that is none of `api-keys`: PGRST301. */
export const unknownKey = (): ApiError =>
  tokenError('The API key is none of this server', null, 'Copy the key anew from where the server shows it.');

/** The token is genuine, but what it claims is not acceptable: PGRST303. */
export const claimsError = (message: string): ApiError =>
  apiError('PGRST303', message, { headers: challenge(message) });

/** A token came, and there is nothing to verify it with: PGRST300. */
export const secretMissing = (): ApiError => apiError('PGRST300', 'Server lacks JWT secret');

/** Neither a token nor an anonymous role says who asks: PGRST302. */
export const tokenRequired = (): ApiError =>
  apiError('PGRST302', 'Anonymous access is disabled', { headers: { 'WWW-Authenticate': 'Bearer' } });

/** What PostgreSQL answers to a role that does not exist. */
export const noSuchRole = (role: string): ApiError =>
  new ApiError({
    code: '22023',
    message: `role ${JSON.stringify(role)} does not exist`,
    status: 401,
    headers: { 'WWW-Authenticate': 'Bearer' },
  });
