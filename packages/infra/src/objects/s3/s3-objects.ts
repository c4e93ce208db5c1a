import { createHash, hash } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { busError } from '../../errors.js';
import { digestFile } from '../../files/digest.js';
import { checkKey, checkListedKey, checkPrefix } from '../keys.js';
import {
  type Bucket,
  type DownloadOptions,
  type ListedObject,
  type ObjectHead,
  type ObjectPart,
  type Objects,
  type S3Options,
  tooLong,
} from '../objects.js';
import { type Call, openClient, type S3Client } from './client.js';
import { isPassing, type Refusal } from './errors.js';
import { type Answer, isLarge } from './exchange.js';
import { HashingFile } from './hashing-file.js';
import { listedIn } from './list.js';
import { createInParts } from './multipart.js';
import { type S3Settings, s3Settings } from './settings.js';
import { elementsOf, escaped, textOf } from './xml.js';

/** The size above which an object is uploaded in parts, and the size of a part. */
export interface PartSizes {
  multipartAboveBytes: number;
  partBytes: number;
}

/**
 * S3 keeps the SHA-256 only of an object that is uploaded in one piece, which may have up to 5 GB.
 */
const defaultSizes: PartSizes = { multipartAboveBytes: 1024 ** 3, partBytes: 64 * 1024 ** 2 };
/** The largest page of a list, and of keys to remove. */
const pageSize = 1000;

/** Opens the objects below an `s3://` URL. */
export async function openS3(
  url: string,
  options: S3Options,
  sizes: PartSizes = defaultSizes,
): Promise<Objects & Bucket> {
  const settings = s3Settings(url, options);
  return new S3Objects(settings, await openClient(settings), sizes);
}

class S3Objects implements Objects, Bucket {
  readonly url: string;
  readonly #call: S3Client;
  readonly #sizes: PartSizes;
  readonly #where: string;
  /** The prefix of each key in the bucket. */
  readonly #before: string;

  constructor({ bucket, prefix, protocol, host }: S3Settings, call: S3Client, sizes: PartSizes) {
    this.url = `s3://${bucket}${prefix && `/${prefix}`}`;
    this.#before = prefix && `${prefix}/`;
    this.#call = call;
    this.#sizes = sizes;
    this.#where = `${protocol}//${host}`;
  }

  async create(
    key: string,
    body: Uint8Array | { path: string },
    { sha256 }: { sha256?: string } = {},
  ): Promise<'created' | 'exists'> {
    const name = this.#nameOf(key);
    if (body instanceof Uint8Array) return await this.#put(name, body, sha256 ?? hash('sha256', body));
    const { path } = body;
    const digest = sha256 === undefined ? await digestFile(path) : { sha256, bytes: (await stat(path)).size };
    if (digest.bytes <= this.#sizes.multipartAboveBytes)
      return await this.#put(name, { path, bytes: digest.bytes }, digest.sha256);
    return await createInParts(this.#call, { key: name, path, ...digest, partBytes: this.#sizes.partBytes });
  }

  async #put(
    name: string,
    body: Call['body'] & object,
    sha256: string,
    condition: Record<string, string> = { 'if-none-match': '*' },
  ): Promise<'created' | 'exists'> {
    const mayBeCutOff = isLarge(body) && 'if-none-match' in condition;
    const { status } = await this.#call({
      method: 'PUT',
      what: `write ${name}`,
      key: name,
      headers: { ...condition, 'x-amz-checksum-sha256': Buffer.from(sha256, 'hex').toString('base64') },
      body,
      sha256,
      accept: [412],
      ...(mayBeCutOff && { instead: () => this.#taken(name) }),
    });
    return status === 412 ? 'exists' : 'created';
  }

  /** Returns a refusal if the name is taken; undefined if it is free or this user may not look. */
  async #taken(name: string): Promise<Answer | undefined> {
    const found = await this.#call({ method: 'HEAD', what: `look at ${name}`, key: name, accept: [403, 404] });
    return found.status === 200 ? { ...found, status: 412 } : undefined;
  }

  async replace(key: string, body: Uint8Array | { path: string }): Promise<void> {
    const name = this.#nameOf(key);
    if (body instanceof Uint8Array) return void (await this.#put(name, body, hash('sha256', body), {}));
    const { path } = body;
    const digest = await digestFile(path);
    if (digest.bytes <= this.#sizes.multipartAboveBytes)
      return void (await this.#put(name, { path, bytes: digest.bytes }, digest.sha256, {}));
    const file = { key: name, path, ...digest, partBytes: this.#sizes.partBytes, replaces: true };
    await createInParts(this.#call, file);
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    const name = this.#nameOf(key);
    const { status, headers } = await this.#call({
      method: 'HEAD',
      what: `look at ${name}`,
      key: name,
      headers: { 'x-amz-checksum-mode': 'ENABLED' },
      accept: [404],
    });
    if (status === 404) return undefined;
    const sha256 = sha256In(headers['x-amz-checksum-sha256']);
    return { bytes: Number(headers['content-length']), ...(sha256 !== undefined && { sha256 }) };
  }

  async read(key: string, maxBytes: number): Promise<Buffer | undefined> {
    const answer = await this.#get(key, { maxBytes });
    if (answer.tooLarge) throw busError('TOO_LARGE', `${key} has more than ${maxBytes} bytes, which is the limit.`);
    return answer.status === 404 ? undefined : answer.body;
  }

  async readRange(key: string, offset: number, length: number): Promise<Buffer> {
    if (length <= 0) return Buffer.alloc(0);
    const answer = await this.#get(key, {
      headers: { range: `bytes=${offset}-${offset + length - 1}` },
      maxBytes: length,
      accept: [404, 416],
    });
    if (answer.status === 404) throw missing(key);
    if (answer.status === 416) return Buffer.alloc(0);
    if (answer.status !== 206) throw this.#rangeIgnored();
    return answer.body;
  }

  async readPart(
    key: string,
    part: { start: number; end: number } | { last: number },
  ): Promise<ObjectPart | undefined> {
    const isLast = 'last' in part;
    const { status, headers, body, tooLarge } = await this.#getNamed(this.#before + checkListedKey(key), {
      headers: { range: isLast ? `bytes=-${part.last}` : `bytes=${part.start}-${part.end - 1}` },
      maxBytes: isLast ? part.last : part.end - part.start,
      accept: [404, 416],
    });
    if (status === 404) return undefined;
    const tag = headers.etag ?? '';
    const [, offset, size] = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/.exec(headers['content-range'] ?? '') ?? [];
    // An empty object has no part.
    if (status === 416) return { bytes: Buffer.alloc(0), offset: 0, size: Number(size ?? 0), tag };
    if (status === 200 && !tooLarge) return { bytes: body, offset: 0, size: body.length, tag };
    if (offset === undefined || tooLarge) throw this.#rangeIgnored();
    return { bytes: body, offset: Number(offset), size: Number(size), tag };
  }

  #rangeIgnored = () => busError('OBJECT_STORE_FAILED', `The object store at ${this.#where} ignores the header Range.`);

  #get(key: string, more: Partial<Call>) {
    return this.#getNamed(this.#nameOf(key), more);
  }

  #getNamed(name: string, more: Partial<Call>) {
    return this.#call({ method: 'GET', what: `read ${name}`, key: name, accept: [404], ...more });
  }

  async download(key: string, path: string, { maxBytes = Number.POSITIVE_INFINITY }: DownloadOptions = {}) {
    let file: HashingFile | undefined;
    const mayHold = (bytes: number) => {
      if (bytes > maxBytes) throw tooLong(key, maxBytes);
    };
    const sink = () => {
      file = new HashingFile(path, file === undefined ? 'wx' : 'w', mayHold); // a second attempt replaces its own file
      return file;
    };
    try {
      const { status } = await this.#get(key, { sink });
      return status === 404 || file === undefined ? undefined : file.digest();
    } catch (error) {
      if (file !== undefined) await rm(path, { force: true }).catch(() => {});
      throw error;
    }
  }

  async list(prefix: string, { after, limit = pageSize }: { after?: string; limit?: number } = {}) {
    const found: ListedObject[] = [];
    let startAfter = after === undefined ? undefined : this.#before + after;
    while (found.length < limit) {
      const { body } = await this.#call({
        method: 'GET',
        what: `list ${this.#before}${prefix}`,
        query: {
          'list-type': '2',
          'encoding-type': 'url',
          prefix: this.#before + checkPrefix(prefix),
          'max-keys': String(Math.min(pageSize, limit - found.length)),
          ...(startAfter !== undefined && { 'start-after': startAfter }),
        },
      });
      const xml = body.toString('utf8');
      const page = listedIn(xml);
      for (const { key, ...rest } of page) found.push({ key: key.slice(this.#before.length), ...rest });
      startAfter = page.at(-1)?.key;
      if (textOf(xml, 'IsTruncated') !== 'true' || startAfter === undefined) break;
    }
    return found;
  }

  async remove(keys: readonly string[]): Promise<void> {
    const names = keys.map(key => this.#before + checkListedKey(key));
    for (let first = 0; first < names.length; first += pageSize)
      await this.#removePage(names.slice(first, first + pageSize));
  }

  async #removePage(names: readonly string[]): Promise<void> {
    const objects = names.map(name => `<Object><Key>${escaped(name)}</Key></Object>`);
    const body = Buffer.from(
      `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>${objects.join('')}</Delete>`,
    );
    const sha256 = hash('sha256', body);
    await this.#call({
      method: 'POST',
      what: `remove ${names.length === 1 ? names[0] : `${names.length} objects`}`,
      query: { delete: '' },
      headers: {
        'x-amz-checksum-sha256': Buffer.from(sha256, 'hex').toString('base64'),
        'content-md5': createHash('md5').update(body).digest('base64'), // older servers require it
      },
      body,
      sha256,
      problemIn: answer => this.#firstFailure(answer.body.toString('utf8')),
    });
  }

  /** Removing is idempotent, so one transient failure repeats the whole page. */
  #firstFailure(xml: string): Refusal | undefined {
    const failures = elementsOf(xml, 'Error').map(error => ({
      status: 0,
      code: textOf(error, 'Code') ?? '',
      message: `${textOf(error, 'Message') ?? ''} (${textOf(error, 'Key') ?? ''})`,
      region: undefined,
    }));
    const lasting = failures.filter(({ code }) => code !== 'NoSuchKey');
    return lasting.find(failure => !isPassing(failure)) ?? lasting[0];
  }

  locationOf(key: string): string {
    return `${this.url}/${checkKey(key)}`;
  }

  #nameOf(key: string): string {
    return this.#before + checkKey(key);
  }
}

/**
 * Returns the hash of the whole object. A value that ends in `-<parts>` is a hash of the parts'
 * hashes and does not count.
 */
function sha256In(header: unknown): string | undefined {
  const bytes = Buffer.from(typeof header === 'string' && !header.includes('-') ? header : '', 'base64');
  return bytes.length === 32 ? bytes.toString('hex') : undefined;
}

const missing = (key: string) => busError('ARTIFACT_MISSING', `There is no object ${key}.`);
