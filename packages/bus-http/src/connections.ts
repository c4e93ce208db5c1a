import { readFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { isIPv6, type Socket } from 'node:net';
import type { Logger } from '@quantbot/infra';

/** The limits of concurrent connections. */
export interface ConnectionLimits {
  inAll: number;
  /**
   * For one address. All addresses of this machine count as one, and so does an IPv6 network (/64).
   */
  byAddress: number;
}

const maxInAll = 256;
const minInAll = 8;
const warnEveryMs = 60_000;

/**
 * Returns the limits for this process. At least three quarters of its descriptors stay free for
 * ingestion.
 */
export function connectionLimits(descriptors = descriptorLimit()): ConnectionLimits {
  const inAll = Math.max(minInAll, Math.min(maxInAll, Math.floor(descriptors / 4)));
  return { inAll, byAddress: Math.max(minInAll, Math.floor(inAll / 4)) };
}

/**
 * Returns the most files that may be open for connections. With the connections themselves, they
 * leave five eighths of the descriptors free.
 */
export const maxFilesFor = ({ inAll }: ConnectionLimits): number => Math.floor(inAll / 2);

/** Returns the number of descriptors that this process may have, or a cautious guess if unknown. */
function descriptorLimit(): number {
  try {
    return Number(
      /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Number.MAX_SAFE_INTEGER,
    );
  } catch {
    return 1024;
  }
}

/** A connection and its requests. */
export interface Connection {
  socket: Socket;
  address: string;
  /** The requests that are being answered. */
  requests: Set<IncomingMessage>;
}

/**
 * Keeps a server's connections within limits. If there are too many, it closes the least useful
 * one, oldest first: one that has sent no request, then one whose request is not complete, then one
 * that does not read its answer. If all are busy, the new one is closed.
 */
export function limitConnections(server: Server, limits: ConnectionLimits, logger: Logger): void {
  const connections = new Map<Socket, Connection>();
  const byPeer = new Map<string, Connection>();
  const add = (socket: Socket, connection: Connection) => {
    connections.set(socket, connection);
    socket.once('close', () => remove(connection));
  };
  const remove = (connection: Connection) => {
    for (const map of [connections, byPeer] as Map<unknown, Connection>[])
      for (const [key, other] of map) if (other === connection) map.delete(key);
  };
  const warn = atMostEvery(warnEveryMs, (address: string) =>
    logger.warn({ address, ...limits }, 'too many HTTP connections; closing the least active ones'),
  );
  server.on('connection', (socket: Socket) => {
    const address = groupOf(socket.remoteAddress ?? '');
    const crowd = crowdOf([...new Set(connections.values())], address, limits);
    const connection = { socket, address, requests: new Set<IncomingMessage>() };
    add(socket, connection);
    byPeer.set(peerOf(socket), connection);
    if (crowd === undefined) return;
    warn(address);
    const [least] = crowd.filter(connection => useOf(connection) < busy).sort((a, b) => useOf(a) - useOf(b));
    const leaving = least ?? connection;
    remove(leaving);
    leaving.socket.destroy();
  });
  // After the handshake, the encrypted socket has the place of the one that was accepted.
  server.on('secureConnection', (socket: Socket) => {
    const connection = byPeer.get(peerOf(socket));
    if (connection === undefined) return void socket.destroy(); // it had to leave meanwhile
    connection.socket = socket;
    add(socket, connection);
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const requests = connections.get(request.socket)?.requests;
    requests?.add(request);
    response.once('close', () => requests?.delete(request));
  });
}

/** Names the other end of a connection. */
const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

/**
 * Returns the connections of which one must be closed before another is accepted, oldest first;
 * undefined below the limits. For the total limit, these are the connections of the address that
 * has most.
 */
export function crowdOf(
  all: readonly Connection[],
  address: string,
  { inAll, byAddress }: ConnectionLimits,
): readonly Connection[] | undefined {
  const groups = new Map<string, Connection[]>();
  for (const connection of all) groups.set(connection.address, [...(groups.get(connection.address) ?? []), connection]);
  const own = groups.get(address) ?? [];
  if (own.length >= byAddress) return own;
  if (all.length >= inAll)
    return [...groups.values()].reduce((most, group) => (group.length > most.length ? group : most));
  return undefined;
}

const busy = 3;

/** The connections on which someone with a token sends a file. */
const senders = new WeakSet<Socket>();

/** Keeps a connection while work runs that takes its body: it is not complete, but it is wanted. */
export async function whileSending<T>(socket: Socket, work: () => Promise<T>): Promise<T> {
  senders.add(socket);
  try {
    return await work();
  } finally {
    senders.delete(socket);
  }
}

/** Returns how useful a connection is. */
function useOf({ socket, requests }: Connection): number {
  if (requests.size === 0) return 0;
  if (senders.has(socket)) return busy;
  if ([...requests].some(request => !request.complete)) return 1;
  return socket.writableLength > 0 ? 2 : busy;
}

/** Returns the group in which an address counts: this machine, an IPv6 network (/64), or itself. */
export function groupOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  if (plain === '::1' || plain.startsWith('127.')) return 'this machine';
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.replace(/%.*$/, '').split('::');
  const groups = head.split(':').filter(Boolean);
  const rest = tail?.split(':').filter(Boolean) ?? [];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length);
  return [...groups, ...Array<string>(zeros).fill('0'), ...rest].slice(0, 4).join(':');
}

function atMostEvery<T>(ms: number, work: (about: T) => void): (about: T) => void {
  let last = Number.NEGATIVE_INFINITY;
  return about => {
    if (performance.now() - last < ms) return;
    last = performance.now();
    work(about);
  };
}
