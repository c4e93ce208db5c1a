import { daemonError } from '@quantbot/bus-format';
import { type Manifest, parseManifest } from '@quantbot/infra';
import { busError, type ServedInbox } from '@quantbot/infra/bus';
import { systemErrorCode } from '@quantbot/infra/files';
import type { Uploads } from './uploads.js';

/** Together with the name of a token, this fits into the field. */
const maxByLength = 60;

/** The producer of operations. */
export const operator = 'quantbot-bus';

/** A file of a job: its name there, and its content. */
interface GivenFile {
  name: string;
  sha256: string;
  bytes: number;
}

/**
 * Puts a job of files that were sent into the inbox, as its producer would do. A waiting
 * job with the same id and content is fine.
 *
 * @param mayBy whether the sender may submit as a producer; it throws if not.
 * @returns the manifest that waits in the inbox.
 * @throws BusError `MANIFEST_INVALID`, `OPERATION_FORBIDDEN`, `JOB_ID_IN_USE`, `SUBMIT_FAILED`;
 * DaemonError `UPLOAD_MISSING`.
 */
export async function takeJob(
  inbox: ServedInbox,
  manifestBytes: Uint8Array,
  { uploads, owner, mayBy }: { uploads: Uploads; owner: string; mayBy: (producer: string) => void },
): Promise<Uint8Array> {
  const manifest = parseManifest(manifestBytes);
  if (manifest.op !== undefined)
    throw busError('OPERATION_FORBIDDEN', 'An operation is no job of a producer.', {
      hint: 'Send it to /api/v1/operations, with a token that may operate.',
    });
  mayBy(manifest.producer);
  const files = filesOf(manifest);
  const waiting = await inbox.waiting(manifest);
  if (waiting !== undefined) return waiting;
  const missing: GivenFile[] = [];
  for (const file of files) if (!(await uploads.isComplete(owner, file))) missing.push(file);
  if (missing.length > 0) throw uploadMissing(missing);
  const paths = new Map(files.map(file => [file.name, uploads.pathOf(owner, file)]));
  try {
    const entered = await inbox.submit(manifestBytes, paths);
    for (const file of files) await uploads.drop(owner, file);
    return entered;
  } catch (error) {
    // Another job with this content was submitted, or `gc` has removed the file.
    if (systemErrorCode(error) === 'ENOENT') throw uploadMissing(files);
    throw error;
  }
}

/**
 * Puts an operation into the inbox. It is then one of the daemon's own user, who may have data
 * removed, so that the caller must have checked the scope. Its `by` names the token, too, because
 * anyone can write a name there.
 *
 * @returns the manifest that waits in the inbox.
 * @throws BusError `MANIFEST_INVALID`, `JOB_ID_IN_USE`, `SUBMIT_FAILED`.
 */
export async function takeOperation(inbox: ServedInbox, manifestBytes: Uint8Array, token: string): Promise<Uint8Array> {
  const manifest = parseManifest(manifestBytes);
  if (manifest.op === undefined || manifest.producer !== operator)
    throw busError('MANIFEST_INVALID', `An operation has an \`op\`, no artifacts, and the producer ${operator}.`);
  const named = Buffer.from(JSON.stringify({ ...manifest, op: withToken(manifest.op, token) }));
  const waiting = await inbox.waiting(parseManifest(named));
  return waiting ?? (await inbox.submit(named, new Map()));
}

/** Operations that do not say who asked for them stay as they are. */
function withToken<O extends NonNullable<Manifest['op']>>(op: O, token: string): O {
  if (!('by' in op)) return op;
  const by = op.by === null ? `token ${token}` : `${op.by.slice(0, maxByLength)} (token ${token})`;
  return { ...op, by };
}

/** Each file lies in the job itself, under a plain name, and is known by its content. */
function filesOf({ artifacts }: Manifest): GivenFile[] {
  const details: string[] = [];
  const files = artifacts.map(({ relpath: name, sha256 = '', bytes = 0 }, index) => {
    if (sha256 === '' || bytes === 0) details.push(`artifacts.${index}: bytes and sha256 must be given over HTTP`);
    if (!/^[A-Za-z0-9][A-Za-z0-9._@-]{0,199}\.parquet$/.test(name))
      details.push(`artifacts.${index}.relpath: must be a plain name that ends with .parquet`);
    return { name, sha256, bytes };
  });
  const contents = new Map<string, string>();
  for (const [index, { name, sha256 }] of files.entries()) {
    if ((contents.get(name.toLowerCase()) ?? sha256) !== sha256)
      details.push(`artifacts.${index}.relpath: is also the name of another file`);
    contents.set(name.toLowerCase(), sha256);
  }
  if (details.length > 0)
    throw busError('MANIFEST_INVALID', 'The manifest does not fit a job over HTTP.', { details: details.slice(0, 20) });
  return files;
}

const uploadMissing = (files: readonly GivenFile[]) =>
  daemonError('UPLOAD_MISSING', `${files.length} files of the job are not there.`, {
    details: files.slice(0, 100).map(({ sha256, bytes }) => `${sha256}-${bytes}`),
  });
