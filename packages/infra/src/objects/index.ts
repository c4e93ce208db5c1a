/**
 * `@quantbot/infra/objects`: an object store under one root URL, `s3://bucket/prefix` or
 * `file:///folder`.
 */
export { hashObject } from './hash-object.js';
export { isRemovable } from './keys.js';
export type { Bucket, DownloadOptions, ListedObject, ObjectHead, ObjectPart, Objects, S3Options } from './objects.js';
export { openBucket, openObjects } from './open.js';
export { type S3Access, s3Access } from './s3/for-duckdb.js';
