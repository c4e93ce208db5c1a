import { createHash, hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { busError } from '../../errors.js';
import type { S3Client } from './client.js';
import { isPassing, type Refusal, refusalOf } from './errors.js';
import type { Answer } from './exchange.js';
import { escaped, textOf } from './xml.js';

/** S3 takes at most this many parts. */
const maxParts = 10_000;

/** What to upload in parts. */
export interface LargeFile {
  /** The whole key in the bucket. */
  key: string;
  path: string;
  bytes: number;
  sha256: string;
  partBytes: number;
  /** Whether an object of this key is replaced. */
  replaces?: boolean;
}

/**
 * Creates an object in parts, each with a checksum that the server checks. The last call creates
 * the object, unless the key exists. If the upload fails, its parts are dropped.
 *
 * @throws BusError `CHECKSUM_MISMATCH` if the file is not the one that was hashed.
 */
export async function createInParts(call: S3Client, file: LargeFile): Promise<'created' | 'exists'> {
  const { key } = file;
  const what = `create ${key}`;
  const begun = await call({
    method: 'POST',
    what,
    key,
    query: { uploads: '' },
    headers: { 'x-amz-checksum-algorithm': 'SHA256' },
  });
  const uploadId = textOf(begun.body.toString('utf8'), 'UploadId') ?? '';
  try {
    return await complete(call, file, uploadId, await uploadParts(call, file, uploadId));
  } catch (error) {
    // Without the right to do it, the bucket's lifecycle rule drops the parts.
    await call({ method: 'DELETE', what, key, query: { uploadId }, accept: [403, 404] }).catch(() => {});
    throw error;
  }
}

interface Part {
  etag: string;
  sha256: string;
}

async function uploadParts(call: S3Client, file: LargeFile, uploadId: string): Promise<Part[]> {
  const partBytes = Math.max(file.partBytes, Math.ceil(file.bytes / maxParts));
  const whole = createHash('sha256');
  const parts: Part[] = [];
  const source = await open(file.path, 'r');
  try {
    for (let offset = 0; offset < file.bytes; offset += partBytes) {
      const body = await readFully(source, offset, Math.min(partBytes, file.bytes - offset));
      whole.update(body);
      const hex = hash('sha256', body);
      const sha256 = Buffer.from(hex, 'hex').toString('base64');
      const { headers } = await call({
        method: 'PUT',
        what: `create ${file.key}`,
        key: file.key,
        query: { uploadId, partNumber: String(parts.length + 1) },
        headers: { 'x-amz-checksum-sha256': sha256 },
        body,
        sha256: hex,
      });
      parts.push({ etag: String(headers.etag), sha256 });
    }
  } finally {
    await source.close();
  }
  if (whole.digest('hex') !== file.sha256)
    throw busError('CHECKSUM_MISMATCH', `${file.path} changed after it was hashed.`);
  return parts;
}

async function readFully(source: Awaited<ReturnType<typeof open>>, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await source.read(buffer, done, length - done, offset + done);
    if (bytesRead === 0) throw busError('BYTES_MISMATCH', 'The file became shorter while it was sent.');
    done += bytesRead;
  }
  return buffer;
}

async function complete(
  call: S3Client,
  { key, replaces }: LargeFile,
  uploadId: string,
  parts: readonly Part[],
): Promise<'created' | 'exists'> {
  const listed = parts.map(
    ({ etag, sha256 }, index) =>
      `<Part><PartNumber>${index + 1}</PartNumber><ETag>${escaped(etag)}</ETag><ChecksumSHA256>${sha256}</ChecksumSHA256></Part>`,
  );
  const body = Buffer.from(
    `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${listed.join('')}</CompleteMultipartUpload>`,
  );
  const done = await call({
    method: 'POST',
    what: `create ${key}`,
    key,
    query: { uploadId },
    headers: replaces ? {} : { 'if-none-match': '*' },
    body,
    accept: [404, 412],
    problemIn: errorInSuccess,
  });
  if (done.status === 412) {
    await call({ method: 'DELETE', what: `create ${key}`, key, query: { uploadId }, accept: [403, 404] });
    return 'exists';
  }
  if (done.status !== 404) return 'created';
  // An earlier attempt, whose answer was lost, may have completed the upload and so ended it.
  const found = await call({ method: 'HEAD', what: `look at ${key}`, key, accept: [404] });
  if (found.status !== 404) return 'exists';
  throw busError('OBJECT_STORE_FAILED', `The object store dropped the upload of ${key} before its end.`);
}

/** The server answers 200 before it joins the parts; an error then follows in the content. */
function errorInSuccess(answer: Answer): Refusal | undefined {
  if (answer.status >= 300) return undefined;
  const refusal = refusalOf(answer);
  if (refusal.code === '' || !answer.body.includes('<Error>')) return undefined;
  return isPassing(refusal) ? { ...refusal, status: 503 } : { ...refusal, status: 400 };
}
