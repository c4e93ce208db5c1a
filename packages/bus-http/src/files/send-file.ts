import type { Socket } from 'node:net';
import type { HttpBindings } from '@hono/node-server';
import { daemonError } from '@quantbot/bus-format';
import type { BusConfig } from '@quantbot/infra/config';
import type { Context } from 'hono';
import { refuse } from '../http-error.js';
import { type OpenFile, openLocalFile } from './open-file.js';
import { objectOpener } from './open-object.js';
import { type Part, partOf } from './part.js';
import { streamPart } from './stream.js';

/** A client that takes less than a chunk (128 KiB) in this time is cut off. */
export const patienceMs = 60_000;

export const parquetType = 'application/vnd.apache.parquet';

/** A file to send. */
export interface FileToSend {
  /** Absolute path, or the `s3://` URL of an object. */
  path: string;
  /** The file's name for those who save it. */
  name: string;
  /** What the catalog says about it; undefined for a file that is replaced from time to time. */
  expected: { sha256: string; bytes: number } | undefined;
  cacheControl: string;
}

/** Sends Parquet files, to a limited number of clients at a time. */
export class FileSender {
  readonly #open: (path: string) => Promise<OpenFile | undefined>;
  readonly #maxFiles: number;
  readonly #reading = new Set<Socket>();

  constructor(config: BusConfig, maxFiles: number) {
    const openObject = objectOpener(config);
    this.#open = path => (path.startsWith('s3://') ? openObject(path) : openLocalFile(config, path));
    this.#maxFiles = maxFiles;
  }

  /**
   * Answers a request for a file, or for a part of it.
   *
   * @returns undefined if there is no regular file or object at the path.
   * @throws DaemonError `HTTP_BUSY`, `HTTP_FILE_CHANGED`, `HTTP_RANGE_INVALID`, `FILE_DAMAGED`.
   */
  async send(c: Context, file: FileToSend): Promise<Response | undefined> {
    const { socket } = (c.env as HttpBindings).incoming;
    this.#takePlace(c, socket);
    let isStreaming = false;
    let opened: OpenFile | undefined;
    try {
      opened = await this.#open(file.path);
      if (opened === undefined) return undefined;
      const part = partFor(c, file, described(opened, file));
      if (!('start' in part) || c.req.method === 'HEAD' || part.start === part.end)
        return c.body(null, part.status === 304 ? 304 : (part.status as 200));
      const closed = () => this.#reading.delete(socket);
      const stream = streamPart(opened, { ...part, patienceMs, cutOff: () => socket.destroy(), closed });
      isStreaming = true;
      return c.body(stream, part.status);
    } finally {
      if (!isStreaming) {
        this.#reading.delete(socket);
        await opened?.close();
      }
    }
  }

  /** Requests can be pipelined, so that the limit of connections is not enough. */
  #takePlace(c: Context, socket: Socket): void {
    const isFull = this.#reading.size >= this.#maxFiles;
    if (isFull || this.#reading.has(socket)) {
      c.header('Retry-After', '1');
      refuse('HTTP_BUSY', isFull ? `${this.#maxFiles} files are being read.` : 'This connection is reading a file.');
    }
    this.#reading.add(socket);
  }
}

/** Returns the size and the entity tag of an open file. */
function described({ size, tag }: OpenFile, { path, expected }: FileToSend): { etag: string; size: number } {
  if (expected === undefined) return { etag: tag, size };
  if (size !== expected.bytes)
    throw daemonError('FILE_DAMAGED', `${path} has ${size} bytes, and the catalog says ${expected.bytes}.`);
  return { etag: `"${expected.sha256}"`, size };
}

/** Decides what the request gets, and sets the headers that say so. */
function partFor(c: Context, file: FileToSend, { etag, size }: { etag: string; size: number }): Part {
  const header = (name: string) => c.req.header(name);
  const part = partOf(
    {
      ifMatch: header('if-match'),
      ifNoneMatch: header('if-none-match'),
      ifRange: header('if-range'),
      range: header('range'),
    },
    { etag, size },
  );
  if (part.status === 412) refuse('HTTP_FILE_CHANGED', `${file.name} is not the file of If-Match: it is ${etag}.`);
  c.header('Accept-Ranges', 'bytes');
  if (part.status === 416) {
    c.header('Content-Range', `bytes */${size}`);
    refuse('HTTP_RANGE_INVALID', `${file.name} has ${size} bytes, and the range begins behind them.`);
  }
  c.header('ETag', etag);
  c.header('Cache-Control', file.cacheControl);
  if (part.status === 304) return part;
  const { start, end, status } = part as Part & { start: number; end: number };
  c.header('Content-Type', parquetType);
  c.header('Content-Disposition', `attachment; filename="${file.name}"`);
  c.header('Content-Length', String(end - start));
  if (status === 206) c.header('Content-Range', `bytes ${start}-${end - 1}/${size}`);
  return part;
}
