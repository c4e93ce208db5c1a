import { readFileSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { daemonError } from '@quantbot/bus-format';

/** The address of a server. */
export interface ListenAddress {
  host: string;
  port: number;
  /** Whether only programs on this machine can connect. */
  isLoopback: boolean;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/**
 * Parses `127.0.0.1:7171`, `localhost:7171`, `[::1]:7171`; the configuration has already been
 * checked.
 */
export function parseListen(text: string): ListenAddress {
  const colon = text.lastIndexOf(':');
  const host = withoutBrackets(text.slice(0, colon));
  return { host, port: Number(text.slice(colon + 1)), isLoopback: isLoopbackHost(host) };
}

function isLoopbackHost(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host.toLowerCase() === 'localhost';
  return loopback.check(host, family === 4 ? 'ipv4' : 'ipv6');
}

/** Removes the brackets that an IPv6 address has in a URL. */
export const withoutBrackets = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');

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
