import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { daemonError } from '@quantbot/bus-format';
import { type ListenAddress, parseListen } from '@quantbot/infra/config';
import { Access } from './access/access.js';
import { Answers } from './answers.js';
import { createApp } from './app.js';
import { readAssets } from './assets.js';
import { connectionLimits, limitConnections, maxFilesFor } from './connections.js';
import { Gauges } from './metrics/gauges.js';
import { History } from './metrics/history.js';
import { createMetrics } from './metrics/metrics.js';
import { openReader } from './reader.js';
import { followTls, readTls, tlsOptions } from './tls.js';
import { readToken } from './token-file.js';
import { Uploads } from './uploads/uploads.js';
import type { LoopView } from './view/loop-view.js';
import type { Onlooker, VisibleBus } from './view/visible-bus.js';

/**
 * A connection without traffic for this long is closed. Event streams send keep-alives more often.
 */
const idleMs = 60_000;

/**
 * Serves a daemon's dashboard, API, metrics and health checks.
 *
 * @throws DaemonError `HTTP_LISTEN_FAILED`, `HTTP_TOKEN_NEEDED`, `HTTP_TOKEN_INVALID`,
 * `HTTP_TLS_INVALID`.
 */
export async function serve(bus: VisibleBus, loop: LoopView): Promise<Onlooker> {
  const { listen = '', tls } = bus.config.http;
  const pair = tls === undefined ? undefined : readTls(tls);
  const address = parseListen(listen);
  const access = await accessTo(bus, address);
  await bus.totals(); // counts the journal before the loop runs
  const reader = openReader(bus);
  const answers = new Answers(bus);
  const gauges = new Gauges(bus, loop, () => reader.catalog({ ask: 'space' }));
  const history = new History(bus, async () => {
    const { inbox, claimed } = await gauges.queue();
    return inbox + claimed;
  });
  const metrics = createMetrics(bus, gauges);
  const limits = connectionLimits();
  const uploads = new Uploads(bus.config, { folder: bus.uploadIn, shared: bus.cluster?.uploads });
  const context = { bus, loop, gauges, history, metrics, reader, answers, access, uploads };
  const app = createApp(context, readAssets(), maxFilesFor(limits));
  const server = createAdaptorServer({
    fetch: app.fetch,
    ...(pair === undefined ? { createServer } : { createServer: createTlsServer }),
    serverOptions: {
      ...(pair !== undefined && { ...pair, ...tlsOptions }),
      requestTimeout: 60_000, // for a part of a file
      headersTimeout: 10_000,
      keepAliveTimeout: 5_000,
      connectionsCheckingInterval: 2_000,
      maxHeaderSize: 16_384,
    },
  } as Parameters<typeof createAdaptorServer>[0]) as Server;
  server.timeout = idleMs;
  limitConnections(server, limits, bus.logger);
  const url = await listenOn(server, address, pair === undefined ? 'http' : 'https').catch(error => {
    reader.close();
    uploads.close();
    throw error;
  });
  const unfollow = tls === undefined ? () => {} : followTls(server as TlsServer, tls, bus.logger);
  history.start();
  bus.logger.info({ url }, 'serving dashboard, metrics and health checks');
  return {
    url,
    close: async () => {
      history.stop();
      unfollow();
      reader.close();
      answers.close();
      uploads.close();
      const closed = new Promise<void>(resolve => server.close(() => resolve()));
      server.closeAllConnections(); // event streams would never end
      await closed;
      await access.close();
    },
  };
}

/** @throws DaemonError `HTTP_TOKEN_NEEDED`, `HTTP_TOKEN_INVALID`. */
async function accessTo(bus: VisibleBus, { isLoopback }: ListenAddress): Promise<Access> {
  const access = await Access.open({
    store: bus.tokens,
    configured: readToken(bus.config.http.tokenFile),
    isPublic: !isLoopback,
    now: bus.now,
    elapsed: bus.elapsed,
    logger: bus.logger,
  });
  if (!isLoopback && !access.hasTokens)
    throw daemonError(
      'HTTP_TOKEN_NEEDED',
      `Other machines can reach ${bus.config.http.listen}, and there is no token.`,
    );
  return access;
}

async function listenOn(server: Server, { host, port }: ListenAddress, scheme: string): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', cause =>
      reject(
        daemonError('HTTP_LISTEN_FAILED', `The server cannot listen on ${host}:${port}: ${cause.message}.`, { cause }),
      ),
    );
    server.listen(port, host, resolve);
  });
  const { address, port: taken, family } = server.address() as AddressInfo;
  const local = address === '0.0.0.0' || address === '::' ? '127.0.0.1' : family === 'IPv6' ? `[${address}]` : address;
  return `${scheme}://${local}:${taken}`;
}
