import { systemErrorCode } from '@quantbot/infra/files';
import { daemonError } from './errors.js';

/**
 * Returns the error that says that the owner of a path keeps this process away from it. Any other
 * error is returned as it came.
 */
export function orClosed(error: unknown, what: string, path: string): unknown {
  const code = systemErrorCode(error) ?? '';
  if (!['EACCES', 'EPERM'].includes(code)) return error;
  const hint = `Its owner has closed it. Have root remove it: \`sudo rm -r ${path}\`.`;
  return daemonError('CLOSED_BY_OTHERS', `${what}: ${path} may not be changed (${code}).`, { hint, cause: error });
}
