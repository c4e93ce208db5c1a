import { readFileSync } from 'node:fs';
import { daemonError } from '@quantbot/bus-format';

const shortestToken = 16;

/**
 * Reads the token from its file; undefined if none is configured.
 *
 * @throws DaemonError `HTTP_TOKEN_INVALID`.
 */
export function readToken(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  let token: string;
  try {
    token = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw daemonError('HTTP_TOKEN_INVALID', `The token cannot be read: ${(cause as Error).message}.`, { cause });
  }
  if (token.length < shortestToken || /\s/.test(token))
    throw daemonError(
      'HTTP_TOKEN_INVALID',
      `${path} has no token. A token is one line of ${shortestToken} characters or more, without spaces.`,
    );
  return token;
}
