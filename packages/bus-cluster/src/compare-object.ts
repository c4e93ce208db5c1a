import type { StoreProblem } from '@quantbot/bus-care/verify';
import { type JournalRow, sealOf } from '@quantbot/bus-format/journal';
import type { BusError } from '@quantbot/infra';
import type { Pace } from '@quantbot/infra/files';
import { hashObject, type ObjectHead, type Objects } from '@quantbot/infra/objects';

/** An object as it was written. */
export interface ExpectedObject {
  key: string;
  /** Undefined if only its checksum is compared. */
  bytes?: number;
  /** Its SHA-256; undefined for a file that holds its own checksum. */
  sha256?: string;
  /** The golden export whose own checksum it must hold, and the job that it must at least have. */
  ofExport?: { name: string; minSeq: number };
}

/** How objects are compared. */
export interface CompareOptions {
  /** Whether an object is not read if the store has checked its SHA-256 itself. */
  trustsStore?: boolean | undefined;
  /** Limits the rate of reading. */
  pace?: Pace | undefined;
}

/** The state of an object that is not there. */
const isGone = 'it is gone';

const partBytes = 8 * 1024 * 1024;

/**
 * Compares an object with what was written.
 *
 * @returns what is wrong, as words; undefined if it is as it was written.
 * @throws BusError of the object store.
 */
export async function compareObject(
  objects: Pick<Objects, 'head' | 'readRange'>,
  { key, bytes, sha256, ofExport }: ExpectedObject,
  { trustsStore = false, pace }: CompareOptions,
): Promise<string | undefined> {
  const head = await headOf(objects, key);
  if (head === undefined) return isGone;
  if (head === 'odd') return 'it is no file';
  if (bytes !== undefined && head.bytes !== bytes) return `it has ${head.bytes} bytes instead of ${bytes}`;
  const paced = {
    readRange: async (key: string, offset: number, length: number) => {
      await pace?.(length);
      return objects.readRange(key, offset, length);
    },
  };
  if (sha256 === undefined) {
    if (trustsStore && head.sha256 !== undefined) return undefined;
    const read = (offset: number, length: number) => paced.readRange(key, offset, length);
    return (await sealOf({ bytes: head.bytes, partBytes, read }, { place: key, ofExport })) === 'rotten'
      ? 'its checksum does not match, or it is another file'
      : undefined;
  }
  const found = trustsStore && head.sha256 !== undefined ? head.sha256 : await hashObject(paced, key, head.bytes);
  return found === sha256 ? undefined : `its SHA-256 is ${found}`;
}

/** A store of files may have a folder or a link in an object's place. */
const headOf = (objects: Pick<Objects, 'head'>, key: string): Promise<ObjectHead | 'odd' | undefined> =>
  objects.head(key).catch((error: BusError) => {
    if (error.code !== 'UNSAFE_PATH') throw error;
    return 'odd';
  });

/** Compares a stored artifact with the journal. */
export async function compareArtifact(
  objects: Pick<Objects, 'head' | 'readRange'>,
  { seq, rel_path, bytes, sha256 }: Pick<JournalRow, 'bytes' | 'rel_path' | 'seq' | 'sha256'>,
  options: CompareOptions,
): Promise<StoreProblem | undefined> {
  const what = rel_path ?? '';
  const wrong = await compareObject(objects, { key: what, bytes: bytes ?? 0, sha256: sha256 ?? '' }, options);
  if (wrong === undefined) return undefined;
  return {
    code: wrong === isGone ? 'MISSING' : 'CHANGED',
    what,
    detail: `${wrong}; the journal has it since seq ${seq}, with sha256 ${sha256}; remove what is left of it, then restore it, or submit the same bytes again`,
  };
}
