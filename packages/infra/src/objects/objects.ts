import type { FileHandle } from 'node:fs/promises';
import { type BusError, busError } from '../errors.js';

/**
 * The operations that the bus needs from an object store. Keys are relative to the bus's root;
 * their parts are joined by `/`.
 */
export interface Objects {
  /** URL of the root, without credentials. */
  readonly url: string;
  /**
   * Creates an object that is durable when the call returns; never replaces one (S3: If-None-Match:
   * *). The store checks `sha256` (64 hex digits). `exists` says nothing about the content: a
   * repeated request may have met its own object, so compare.
   */
  create(
    key: string,
    body: Uint8Array | { path: string },
    options?: { sha256?: string },
  ): Promise<'created' | 'exists'>;
  /** Creates or replaces an object as a whole: readers see the old content or the new one. */
  replace(key: string, body: Uint8Array | { path: string }): Promise<void>;
  /** Size, and the SHA-256 where the store keeps it. */
  head(key: string): Promise<ObjectHead | undefined>;
  /**
   * A small object as a whole; undefined if it is not there. Fails with TOO_LARGE above `maxBytes`.
   */
  read(key: string, maxBytes: number): Promise<Buffer | undefined>;
  /**
   * A part of an object; shorter where the object ends. Fails with ARTIFACT_MISSING if it is not
   * there.
   */
  readRange(key: string, offset: number, length: number): Promise<Buffer>;
  /**
   * Copies an object into a new local file and hashes it on the way.
   *
   * @throws BusError `BYTES_MISMATCH` for an object with more than `options.maxBytes`, of which no
   * more than that is read.
   */
  download(
    key: string,
    path: string,
    options?: DownloadOptions,
  ): Promise<{ bytes: number; sha256: string } | undefined>;
  /**
   * The objects below a prefix in the order of their keys (S3's ListObjectsV2 with StartAfter), at
   * most `limit` (default 1,000), after `after`.
   */
  list(prefix: string, options?: { after?: string; limit?: number }): Promise<ListedObject[]>;
  /** Removes objects, also those with odd names that `list` returned. Missing ones are fine. */
  remove(keys: readonly string[]): Promise<void>;
  /** What DuckDB reads: `s3://bucket/prefix/key` or an absolute path. */
  locationOf(key: string): string;
}

/** What a download refuses. */
export interface DownloadOptions {
  maxBytes?: number;
  /** May refuse a file of more than 1 MB before it is read. Only a store of files calls this. */
  mayRead?: (file: FileHandle) => Promise<void>;
}

/** Returns the error of an object that has more bytes than its reader expects. */
export const tooLong = (key: string, maxBytes: number): BusError =>
  busError('BYTES_MISMATCH', `${key} has more than the ${maxBytes} bytes that it should have.`);

/** What the store knows of an object. */
export interface ObjectHead {
  bytes: number;
  sha256?: string;
}

/** One entry of {@link Objects.list}. */
export interface ListedObject {
  key: string;
  bytes: number;
  modifiedAtMs: number;
}

/** A part of an object, and the version of the object that it is of. */
export interface ObjectPart {
  bytes: Buffer;
  /** Where the part begins. */
  offset: number;
  /** The size of the whole object. */
  size: number;
  /** The entity tag. Parts with one tag are of one version. */
  tag: string;
}

/** The objects of a whole bucket, for programs that only read. */
export interface Bucket extends Pick<Objects, 'list'> {
  /**
   * Returns the bytes from `start` to `end` (exclusive), or the last ones; undefined if there is no
   * such object.
   */
  readPart(key: string, part: { start: number; end: number } | { last: number }): Promise<ObjectPart | undefined>;
}

/** How to reach an S3 server. Absent settings come from the environment and the shared files. */
export interface S3Options {
  /** URL of the server; by default AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, or Amazon's. */
  endpoint?: string;
  /** By default AWS_REGION, AWS_DEFAULT_REGION, the profile's region, or us-east-1. */
  region?: string;
  /** `http://host/bucket/key` instead of `http://bucket.host/key`. Default: with an endpoint. */
  pathStyle?: boolean;
}
