import type { BusConfig } from '@quantbot/infra/config';
import { type Bucket, openBucket } from '@quantbot/infra/objects';
import { chunkBytes, type OpenFile } from './open-file.js';

/** The bytes of one request to the store. So many are in memory for each client. */
const windowBytes = 1024 * 1024;

/**
 * Returns a function that opens an object by its `s3://` URL; undefined if there is none. It has
 * connections of its own, so that downloads take none from ingestion.
 */
export function objectOpener({ cluster }: BusConfig): (url: string) => Promise<OpenFile | undefined> {
  const buckets = new Map<string, Promise<Bucket>>();
  return async url => {
    const [, name = '', key = ''] = /^s3:\/\/([^/]+)\/(.*)$/s.exec(url) ?? [];
    const bucket = buckets.get(name) ?? openBucket(name, cluster?.s3);
    buckets.set(name, bucket);
    return openObject(await bucket, key);
  };
}

/** An object has no open files: its reader fails if the object is replaced meanwhile. */
async function openObject(bucket: Pick<Bucket, 'readPart'>, key: string): Promise<OpenFile | undefined> {
  const first = await bucket.readPart(key, { start: 0, end: 1 });
  if (first === undefined) return undefined;
  const { size, tag } = first;
  let window: { start: number; bytes: Buffer } = { start: 0, bytes: Buffer.alloc(0) };
  return {
    size,
    tag,
    async read(position, end) {
      if (position < window.start || position >= window.start + window.bytes.length) {
        const part = await bucket.readPart(key, { start: position, end: Math.min(end, position + windowBytes) });
        if (part === undefined || part.tag !== tag) throw new Error(`${key} was replaced while it was read.`);
        window = { start: part.offset, bytes: part.bytes };
      }
      const offset = position - window.start;
      const length = Math.min(chunkBytes, end - position);
      return window.bytes.subarray(offset, offset + length) as Uint8Array<ArrayBuffer>;
    },
    close: async () => {
      window = { start: 0, bytes: Buffer.alloc(0) };
    },
  };
}
