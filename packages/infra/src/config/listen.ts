import { BlockList, isIP } from 'node:net';
import type { TlsFiles } from './tls.js';

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

/** Whether a server sends tokens and data to other machines without TLS. */
export const isInTheClear = ({ listen, tls }: { listen: string | undefined; tls: TlsFiles | undefined }): boolean =>
  listen !== undefined && tls === undefined && !parseListen(listen).isLoopback;
