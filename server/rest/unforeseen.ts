/** What a request meets that is not its own fault. */
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import type { Observe } from '../observe/observation.ts';

/** PGRST002: the catalog has not been loaded yet. */
export const noCatalog = (): Error =>
  apiError('PGRST002', 'Could not query the database for the schema cache. Retrying.', {
    headers: { 'Retry-After': '1' },
  });

/** What nobody foresaw is logged with the request's id and answered without details. */
export function asApiError(observe: Observe, error: unknown, requestId: string): ApiError {
  if (error instanceof ApiError) return error;
  observe({ kind: 'defect', error, requestId });
  return apiError('PGRSTX00', 'Internal server error', {
    details: `The log has more under the request id ${requestId}.`,
    hint: 'This is a defect of the server; please report it.',
  }) as ApiError;
}
