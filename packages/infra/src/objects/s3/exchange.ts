import { createReadStream } from 'node:fs';
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** The content of a request: in memory, or a file of a known size. */
export type Body = Uint8Array | { path: string; bytes: number };

/** One request, signed and ready. */
export interface Outgoing {
  method: string;
  /** Path and query, encoded. */
  target: string;
  headers: Record<string, string>;
  body: Body | undefined;
  /** A successful answer with a larger body is cut off, and `tooLarge` is set. */
  maxBytes: number;
  /** Takes the body of a successful answer; undefined keeps it in memory. */
  sink: (() => Writable) | undefined;
}

/** An answer of the server, whatever its status. */
export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  /** Empty if it went to the sink. */
  body: Buffer;
  tooLarge: boolean;
}

/** Sends one request over a pooled connection. */
export type Exchange = (outgoing: Outgoing) => Promise<Answer>;

/** A request may take this long, plus the time of its bytes at the slowest accepted rate. */
const deadlineMs = 20_000;
const bytesPerMs = 128;
/** Larger bodies wait for "100 Continue", so that a refusal costs no transfer. */
const askFirstBytes = 1024 * 1024;
/** Some servers never say "100 Continue". */
const askForMs = 1000;
/** An error of the server has a few hundred bytes. */
const maxErrorBytes = 64 * 1024;

/** The file that is sent has become shorter. */
export class ShortFileError extends Error {}

/** Opens a pool of connections to one server. Idle ones do not keep the process alive. */
export function openExchange(server: {
  protocol: 'http:' | 'https:';
  hostname: string;
  port: number | undefined;
}): Exchange {
  const isTls = server.protocol === 'https:';
  const settings = { keepAlive: true, maxSockets: 256, scheduling: 'lifo' as const };
  const agent = isTls ? new HttpsAgent(settings) : new HttpAgent(settings);
  const request = isTls ? httpsRequest : httpRequest;
  const { hostname, port } = server;
  return outgoing =>
    new Promise((resolve, reject) => {
      const { method, target, headers, body } = outgoing;
      const sent = request({ agent, hostname, port, method, path: target, headers });
      let deadline = within(sent, bodyBytes(body));
      const fail = (error: unknown) => {
        clearTimeout(deadline);
        sent.destroy();
        reject(error);
      };
      let begin: (() => void) | undefined = () => {
        begin = undefined;
        sendBody(sent, body).catch(fail);
      };
      sent.on('error', fail);
      sent.on('response', incoming => {
        const refused = begin !== undefined; // the body is not wanted: the connection cannot be used again
        begin = undefined;
        clearTimeout(deadline);
        deadline = within(sent, Number(incoming.headers['content-length']) || 0);
        receive(incoming, outgoing)
          .then(answer => {
            clearTimeout(deadline);
            if (refused || answer.tooLarge) sent.destroy();
            resolve(answer);
          })
          .catch(fail);
      });
      if (headers.expect === undefined) return begin();
      const asked = setTimeout(() => begin?.(), askForMs);
      sent.on('continue', () => begin?.());
      sent.on('close', () => clearTimeout(asked));
      sent.flushHeaders();
    });
}

/** Aborts a request that takes longer than its size allows. */
function within(sent: ClientRequest, bytes: number): NodeJS.Timeout {
  const ms = deadlineMs + bytes / bytesPerMs;
  return setTimeout(() => sent.destroy(failure('ETIMEDOUT', `no answer within ${Math.round(ms / 1000)} s`)), ms);
}

const failure = (code: string, message: string): Error => Object.assign(new Error(message), { code });

/** Returns the headers that a body needs. */
export function bodyHeaders(body: Body | undefined): Record<string, string> {
  if (body === undefined) return {};
  const bytes = bodyBytes(body);
  return { 'content-length': String(bytes), ...(isLarge(body) && { expect: '100-continue' }) };
}

/** Whether a body waits until the server asks for it (`100 Continue`). */
export const isLarge = (body: Body): boolean => bodyBytes(body) > askFirstBytes;

const bodyBytes = (body: Body | undefined): number =>
  body === undefined ? 0 : body instanceof Uint8Array ? body.byteLength : body.bytes;

async function sendBody(sent: ClientRequest, body: Body | undefined): Promise<void> {
  if (body === undefined || body instanceof Uint8Array) {
    sent.end(body);
    return;
  }
  const file = createReadStream(body.path, { end: body.bytes - 1, highWaterMark: 256 * 1024 });
  await pipeline(file, sent, { end: false });
  if (file.bytesRead !== body.bytes) throw new ShortFileError(`${body.path} has fewer than ${body.bytes} bytes`);
  sent.end();
}

async function receive(incoming: IncomingMessage, { maxBytes, sink }: Outgoing): Promise<Answer> {
  const status = incoming.statusCode ?? 0;
  const isSuccess = status >= 200 && status < 300;
  const { headers } = incoming;
  if (isSuccess && sink !== undefined) {
    await pipeline(incoming, sink());
    return { status, headers, body: Buffer.alloc(0), tooLarge: false };
  }
  const limit = isSuccess ? maxBytes : maxErrorBytes;
  const chunks: Buffer[] = [];
  let bytes = 0;
  const cut = () => ({ status, headers, body: Buffer.concat(chunks), tooLarge: true });
  return await new Promise((resolve, reject) => {
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > limit) resolve(cut());
      else chunks.push(chunk);
    });
    incoming.on('end', () =>
      resolve({
        status,
        headers,
        body: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks),
        tooLarge: false,
      }),
    );
    incoming.on('error', reject);
    incoming.on('close', () => incoming.complete || reject(failure('ECONNRESET', 'the connection was closed')));
  });
}
