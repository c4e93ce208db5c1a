import { closeSync, lstatSync, mkdirSync, rmSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { besideClaimed, whoseIsIt } from '@quantbot/bus-format/state';
import type { BusError, ParquetFooter } from '@quantbot/infra';
import { busError, maxManifestBytes, readFooterIn } from '@quantbot/infra/bus';
import {
  type ContentDigest,
  copyHandle,
  digestOf,
  fileNames,
  inFolder,
  isNotRegular,
  PinnedFolder,
  readSmall,
  smallFileBytes,
  systemErrorCode,
  writeNewFile,
} from '@quantbot/infra/files';
import type { Bus } from '../bus.js';
import type { ClaimedJob } from '../job.js';
import { refuseSparse } from './sparse.js';

/** The daemon's own copy of a job's file. */
export interface BroughtFile {
  /** Absolute path of the daemon's own copy. */
  path: string;
  inode: number;
  bytes: number;
  /** The digest, which was made while copying, and the footer if the file is small. */
  digest?: ContentDigest;
  footer?: ParquetFooter;
}

/** A buffer for small files. A new buffer for each costs more than the read. */
const scratch = Buffer.allocUnsafeSlow(smallFileBytes + 1);

/**
 * In: a claimed job whose folder another user may change. Out: its files, in a folder that only the
 * daemon can write. Each file is found once, through the open folder, and copied from its open
 * descriptor. Durable effect: none. The job's own folder stays until the job has settled, and a
 * crash starts again from it.
 *
 * Read errors are the job's own fault (a lease, a closed folder, a link), unless the machine has
 * run out of something.
 */
export class BringOver {
  readonly #config: Bus['config'];
  readonly #job: ClaimedJob;
  readonly #source: PinnedFolder;
  readonly #folder: string;

  private constructor(config: Bus['config'], job: ClaimedJob, source: PinnedFolder) {
    this.#config = config;
    this.#job = job;
    this.#source = source;
    this.#folder = besideClaimed(job.folder, 'own');
  }

  /** Opens the job's folder, and creates the daemon's own one. */
  static begin({ config }: Pick<Bus, 'config'>, job: ClaimedJob): BringOver {
    const source = reading('The job folder', () => PinnedFolder.open(job.folder));
    const started = new BringOver(config, job, source);
    try {
      started.#checkCommit();
      makeNewFolder(started.#folder);
      return started;
    } catch (error) {
      source.close();
      throw error;
    }
  }

  #checkCommit(): void {
    const name = fileNames.commit;
    const missing = () => busError('MANIFEST_INVALID', `The job has no ${name}.`);
    const info = reading(name, () => this.#source.stat(name), missing);
    if (!info.isFile()) throw busError('UNSAFE_PATH', `${name} is not a regular file.`);
  }

  /** @throws BusError `MANIFEST_MISSING`, `UNSAFE_PATH`, `TOO_LARGE`, `ARTIFACT_UNREADABLE`. */
  manifest(): Buffer {
    const name = fileNames.manifest;
    const missing = () => busError('MANIFEST_MISSING', 'The job has no manifest.json.');
    const read = () => this.#readSmall(this.#source, name, maxManifestBytes, info => this.#refuse(name, info));
    const bytes = Buffer.from(reading(name, read, missing));
    writeNewFile(join(this.#folder, name), bytes);
    return bytes;
  }

  /**
   * Copies the file of one artifact, given as nested plain names.
   *
   * @param options.check may refuse it by its size, by throwing.
   * @throws BusError with the code of the rejection; system errors of writing as they come.
   */
  async artifact(
    relpath: string,
    { index, check, signal }: { index: number; check: (info: Stats) => void; signal?: AbortSignal | undefined },
  ): Promise<BroughtFile> {
    const path = inFolder(this.#folder, `${index}.parquet`);
    const parts = relpath.split('/');
    const name = parts.pop() as string;
    const within = this.#enter(parts, relpath);
    try {
      let bytes = 0;
      const mayOpen = (info: Stats) => {
        bytes = info.size;
        this.#refuse(relpath, info);
        check(info);
      };
      const content = await this.#copy(within, name, { path, relpath, mayOpen, signal });
      return { path, inode: lstatSync(path).ino, bytes, ...content };
    } finally {
      if (within !== this.#source) within.close();
    }
  }

  close(): void {
    this.#source.close();
  }

  /** Descends through folders of the job, and refuses links. */
  #enter(parts: readonly string[], relpath: string): PinnedFolder {
    let here = this.#source;
    for (const [depth, part] of parts.entries()) {
      const above = here;
      try {
        here = reading(parts.slice(0, depth + 1).join('/'), () => above.folder(part), missingFile(relpath));
      } finally {
        if (above !== this.#source) above.close();
      }
    }
    return here;
  }

  async #copy(
    folder: PinnedFolder,
    name: string,
    {
      path,
      relpath,
      mayOpen,
      signal,
    }: {
      path: string;
      relpath: string;
      mayOpen: (info: Stats) => void;
      signal: AbortSignal | undefined;
    },
  ): Promise<Pick<BroughtFile, 'digest' | 'footer'>> {
    const missing = missingFile(relpath);
    const seen = reading(relpath, () => folder.stat(name), missing);
    if (seen.size <= smallFileBytes) {
      const read = () => this.#readSmall(folder, name, smallFileBytes, mayOpen);
      const content = reading(relpath, read, missing);
      writeNewFile(path, content, 0o600);
      return { digest: digestOf(content), footer: readFooterIn(content) };
    }
    let expectedBytes: number | undefined;
    const check = (info: Stats) => {
      mayOpen(info);
      expectedBytes = info.size;
    };
    const source = await folder.openHandle(name, check).catch(error => {
      throw asJobs(error, relpath, missing);
    });
    try {
      await refuseSparse(source, relpath, this.#config.limits.maxSparseRatio);
      return { digest: await copyHandle(source, path, { mode: 0o600, signal, expectedBytes }) };
    } catch (error) {
      throw (error as NodeJS.ErrnoException).syscall === 'read' ? asJobs(error, relpath, missing) : error;
    } finally {
      await source.close();
    }
  }

  #readSmall(folder: PinnedFolder, name: string, maxBytes: number, check: (info: Stats) => void): Buffer {
    const file = folder.openFile(name, check);
    try {
      return readSmall(file, name, maxBytes, scratch);
    } finally {
      closeSync(file);
    }
  }

  /**
   * A name in the job's folder can be a second name of any file. The daemon does not read a file
   * that the producer could not have read. The size was checked at the claim, to tell large jobs
   * from small ones.
   */
  #refuse(name: string, info: Stats): void {
    const whose = whoseIsIt(this.#config, this.#source.info, info);
    if (whose === 'the bus') throw busError('UNSAFE_PATH', `${name} is one of the bus's own files.`);
    if (whose === 'others')
      throw busError('UNSAFE_PATH', `${name} belongs to another user than the job, and other users may not read it.`);
    const seen = this.#job.files?.get(name);
    if (seen !== undefined && seen.bytes !== info.size)
      throw busError(
        'BYTES_MISMATCH',
        `${name} had ${seen.bytes} bytes when the job was claimed, and its size changed.`,
      );
  }
}

/** Replaces a folder of an interrupted attempt. */
function makeNewFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { mode: 0o700 });
  }
}

const missingFile = (relpath: string) => () =>
  busError('ARTIFACT_MISSING', `The job has no file ${relpath.slice(0, 200)}.`);

/** Errors of the machine, whatever file is read. */
const machineCodes = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);

/** Reads from the job's folder. An error is the job's own fault. */
function reading<T>(what: string, read: () => T, missing?: () => BusError): T {
  try {
    return read();
  } catch (error) {
    throw asJobs(error, what, missing);
  }
}

function asJobs(error: unknown, what: string, missing: (() => BusError) | undefined): unknown {
  const code = systemErrorCode(error);
  if (code === undefined || machineCodes.has(code)) return error;
  if (missing !== undefined && ['ENOENT', 'ENAMETOOLONG'].includes(code)) return missing();
  if (code === 'ENOTDIR') return busError('UNSAFE_PATH', `${what} is not a regular folder.`);
  if (isNotRegular(error)) return busError('UNSAFE_PATH', `${what} is not a regular file.`);
  return busError('ARTIFACT_UNREADABLE', `The daemon may not read ${what} (${code}).`);
}
