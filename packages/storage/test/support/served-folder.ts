import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A server of the files in a folder, which counts and may change its answers. */
export interface ServedFolder {
  /** `http://127.0.0.1:port` */
  url: string;
  /** The bytes that each answer had. */
  sent: number[];
}

/** How a server answers. */
export interface Serving {
  /** Called before each answer. Returns true if it has answered itself. */
  before?: (answer: ServerResponse, range: string | undefined) => boolean;
}

/**
 * Serves the files of a folder in parts: below `/exports/` as a daemon does, and below `/bucket/`
 * as an S3 server does, which also lists them.
 */
export async function serveFolder(folder: string, { before = () => false }: Serving = {}): Promise<ServedFolder> {
  const sent: number[] = [];
  const url = await startServer(({ url = '', headers }, answer) => {
    const { pathname, searchParams } = new URL(url, 'http://host');
    if (searchParams.has('list-type')) return void answer.end(listOf(folder, searchParams));
    if (before(answer, headers.range)) return;
    const path = join(folder, decodeURIComponent(pathname).replace(/^\/(exports|bucket)\//, ''));
    if (!existsSync(path) || !statSync(path).isFile()) {
      const error = pathname.startsWith('/bucket/')
        ? '<Error><Code>NoSuchKey</Code></Error>'
        : JSON.stringify({ error: { code: 'HTTP_NOT_FOUND', message: `There is no file at ${url}.` } });
      return void answer.writeHead(404).end(error);
    }
    const bytes = readFileSync(path);
    if (bytes.length === 0) return void answer.writeHead(416, { 'content-range': 'bytes */0' }).end();
    sent.push(sendPart(answer, bytes, headers.range));
  });
  return { sent, url };
}

/** Starts a server that ends with the test. Returns `http://127.0.0.1:port`. */
export async function startServer(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The entity tag of a version of a file. */
export const tagOf = (bytes: Buffer): string => `"${createHash('sha256').update(bytes).digest('hex')}"`;

/** Answers with the part of a file that `Range` asks for. Returns the number of its bytes. */
export function sendPart(answer: ServerResponse, bytes: Buffer, range: string | undefined): number {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  const start = from === '' ? Math.max(0, bytes.length - Number(to)) : Number(from);
  const end = from === '' || to === '' ? bytes.length : Math.min(bytes.length, Number(to) + 1);
  answer.writeHead(206, { etag: tagOf(bytes), 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` });
  answer.end(bytes.subarray(start, end));
  return end - start;
}

/** Returns one page of two names, so that a list needs several. */
function listOf(folder: string, asked: URLSearchParams): string {
  const [prefix, after] = [asked.get('prefix') ?? '', asked.get('start-after') ?? ''];
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const names = files.filter(name => statSync(join(folder, name)).isFile() && name.startsWith(prefix) && name > after);
  const size = Math.min(2, Number(asked.get('max-keys')));
  const entries = names.slice(0, size).map(name => `<Contents><Key>${name}</Key><Size>1</Size></Contents>`);
  return `<ListBucketResult><IsTruncated>${names.length > size}</IsTruncated>${entries.join('')}</ListBucketResult>`;
}
