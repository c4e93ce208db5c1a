import { request } from 'node:http';
import type { TestBus } from '@quantbot/tooling-testing/test-bus';
import { type RunningDaemon, startDaemon } from './daemon-process.js';

/** An answer of the daemon's server. */
export interface HttpAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  json: () => unknown;
}

/** The parts of a request besides method and path. */
export interface HttpRequest {
  headers?: Record<string, string>;
  body?: string;
}

/** A daemon that serves HTTP. */
export interface ServingDaemon {
  daemon: RunningDaemon;
  url: string;
  /** Sends any request, even with headers that a browser forbids. */
  send(method: string, path: string, request?: HttpRequest): Promise<HttpAnswer>;
  get(path: string): Promise<unknown>;
  post(path: string, body: unknown): Promise<HttpAnswer>;
}

/** Starts the built daemon with an HTTP server, by default on a free port. */
export const startServing = async (bus: TestBus, http = '127.0.0.1:0'): Promise<ServingDaemon> =>
  servedBy(await startDaemon(bus, { http }));

/** Returns access to a daemon that serves HTTP. */
export async function servedBy<D extends RunningDaemon>(daemon: D): Promise<ServingDaemon & { daemon: D }> {
  const { url } = (await daemon.logged('serving dashboard')) as unknown as { url: string };
  const send: ServingDaemon['send'] = (method, path, request) => sendRaw(url, method, path, request);
  return {
    daemon,
    url,
    send,
    get: async path => {
      const answer = await send('GET', path);
      if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`);
      return answer.json();
    },
    post: (path, body) =>
      send('POST', path, { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
  };
}

/** Sends a request without normalising its path. */
export function sendRaw(
  url: string,
  method: string,
  path: string,
  { headers = {}, body }: HttpRequest = {},
): Promise<HttpAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, headers, agent: false }, answer => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, json: () => JSON.parse(text) }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
