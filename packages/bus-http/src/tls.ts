import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Server } from 'node:https';
import { daemonError } from '@quantbot/bus-format';
import type { Logger } from '@quantbot/infra';
import type { TlsFiles } from '@quantbot/infra/config';

const lookMs = 2_000;

/** The options of a server with TLS. A handshake that takes longer ends its connection. */
export const tlsOptions = { handshakeTimeout: 10_000, minVersion: 'TLSv1.2' } as const;

/** A certificate and its private key. */
export interface TlsPair {
  cert: Buffer;
  key: Buffer;
}

/**
 * Reads the certificate and the private key of a server.
 *
 * @throws DaemonError `HTTP_TLS_INVALID`.
 */
export function readTls(files: TlsFiles): TlsPair {
  try {
    const pair = { cert: readFileSync(files.cert), key: readFileSync(files.key) };
    if (!new X509Certificate(pair.cert).checkPrivateKey(createPrivateKey(pair.key)))
      throw new Error('the private key is not that of the certificate');
    return pair;
  } catch (cause) {
    const why = (cause as Error).message;
    throw daemonError('HTTP_TLS_INVALID', `${files.cert} and ${files.key} cannot be used: ${why}.`, { cause });
  }
}

/**
 * Has a server use its files when they have changed. New connections get the new certificate. While
 * the files do not fit together, the server keeps what it has.
 *
 * @returns a function that ends it.
 */
export function followTls(server: Server, files: TlsFiles, logger: Logger): () => void {
  let used = stampOf(files);
  let refused: string | undefined;
  const timer = setInterval(() => {
    const stamp = stampOf(files);
    if (stamp === used || stamp === undefined) return;
    try {
      server.setSecureContext({ ...readTls(files), minVersion: tlsOptions.minVersion });
      used = stamp;
      logger.info({ cert: files.cert }, 'the certificate was renewed');
    } catch (error) {
      if (refused !== stamp) logger.error({ err: error }, 'the new certificate cannot be used; the old one stays');
      refused = stamp;
    }
  }, lookMs).unref();
  return () => clearInterval(timer);
}

/** Returns a text that changes with the files; undefined while one is missing. */
function stampOf({ cert, key }: TlsFiles): string | undefined {
  const stats = [cert, key].map(path => statSync(path, { bigint: true, throwIfNoEntry: false }));
  if (stats.includes(undefined)) return undefined;
  return stats.map(info => `${info?.ino}-${info?.size}-${info?.mtimeNs}`).join(' ');
}
