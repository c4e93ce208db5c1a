/**
 * Checks the order of durable steps in a recording of a process's system calls. It models what is
 * on the disk and what is only in the kernel's memory. It knows the format only from
 * docs/format.md.
 */
import { basename, dirname, relative } from 'node:path';
import type { SystemCall } from './strace.js';

/** A file's content and the names in a folder, as far as they have been flushed. */
class Disk {
  /** By path. Two links to one file are two entries with the same value. */
  readonly #files = new Map<string, { flushed: boolean }>();
  /**
   * Folders by path, with the names that were created in them since their last flush. A deletion
   * need not be flushed: a name that comes back is harmless garbage.
   */
  readonly #folders = new Map<string, Set<string>>();

  /**
   * Everything that existed before the recording counts as not flushed, because the recording does
   * not show its flush.
   */
  #file(path: string): { flushed: boolean } {
    const known = this.#files.get(path) ?? { flushed: false };
    this.#files.set(path, known);
    return known;
  }

  write(path: string): void {
    this.#file(path).flushed = false;
  }

  create(path: string): void {
    this.#files.set(path, { flushed: false });
    this.#enter(path);
  }

  #enter(path: string): void {
    const folder = dirname(path);
    this.#folders.set(folder, (this.#folders.get(folder) ?? new Set()).add(path));
  }

  #leave(path: string): void {
    this.#folders.get(dirname(path))?.delete(path);
  }

  flush(path: string): void {
    this.#file(path).flushed = true;
    this.#folders.delete(path);
  }

  link(from: string, to: string): void {
    this.#files.set(to, this.#file(from));
    this.#enter(to);
  }

  remove(path: string): void {
    this.#files.delete(path);
    this.#folders.delete(path);
    this.#leave(path);
  }

  rename(from: string, to: string): void {
    const below = (path: string) => path === from || path.startsWith(`${from}/`);
    const moved = (path: string) => to + path.slice(from.length);
    for (const [path, file] of [...this.#files])
      if (below(path)) {
        this.#files.delete(path);
        this.#files.set(moved(path), file);
      }
    for (const [path, names] of [...this.#folders])
      if (below(path)) {
        this.#folders.delete(path);
        this.#folders.set(moved(path), new Set([...names].map(moved)));
      }
    this.#leave(from);
    this.#enter(to);
  }

  /** Returns the parts of a file, or of a folder with its content, that a power cut would lose. */
  unflushed(path: string): string[] {
    const inside = (other: string) => other === path || other.startsWith(`${path}/`);
    const files = [...this.#files].filter(([name, file]) => inside(name) && !file.flushed).map(([name]) => name);
    const names = [...this.#folders].filter(([folder]) => inside(folder)).flatMap(([, made]) => [...made]);
    return [...new Set([...files, ...names])];
  }

  /** Returns the names in a folder that a power cut would lose. */
  unflushedNames(folder: string): string[] {
    return [...(this.#folders.get(folder) ?? [])];
  }
}

/** A recording, and the paths in it. */
export interface Recorded {
  calls: readonly SystemCall[];
  /** The folder that holds `bus/`, `exports/` and the database. */
  dataRoot: string;
  /** The file in which producers record acknowledged jobs. */
  ledger: string;
  /** The seqs of settled jobs, by the paths of their folders. */
  settled: ReadonlyMap<string, number>;
}

/** Calls that are equivalent to another one. */
const sameAs: Readonly<Record<string, string>> = { pwrite64: 'write', fdatasync: 'fsync' };

// The exports' status is left out because it is a cache: without it they are rebuilt.
const published = /^(alerts\.duckdb|exports\/[^.][^/]*\.parquet)$/;
const segment = /^bus\/(journal\/segments|canon\/[^/]+)\/[^/]+\.parquet$/;

/**
 * Returns every step that came too early: a name before its file was flushed, a commit before its
 * store files, a receipt before the journal, a deletion before the replacement, an acknowledgement
 * before the inbox.
 */
export function flushProblems({ calls, dataRoot, ledger, settled }: Recorded): string[] {
  const disk = new Disk();
  const problems: string[] = [];
  const at = (path: string): string => relative(dataRoot, path);
  const mustBeFlushed = (why: string, unflushed: readonly string[]) => {
    if (unflushed.length > 0) problems.push(`${why}: ${at(unflushed[0] as string)} is not flushed`);
  };
  const storeIsFlushed = (why: string) => mustBeFlushed(why, disk.unflushed(`${dataRoot}/bus/store`));
  const successors = () => [
    ...disk.unflushed(`${dataRoot}/bus/journal/segments`),
    ...disk.unflushed(`${dataRoot}/bus/canon`),
    ...disk.unflushedNames(dataRoot).filter(name => name === `${dataRoot}/alerts.duckdb`),
  ];
  const commits: number[] = [];
  /** The first job of a commit, which is named by its last one. */
  const firstSeq = (commit: string) => 1 + Math.max(0, ...commits.filter(last => last < Number(basename(commit))));
  // The next commit may already be in progress.
  const isCommitted = (why: string, seq: number) =>
    mustBeFlushed(
      why,
      disk.unflushedNames(`${dataRoot}/bus/journal/hot`).filter(commit => firstSeq(commit) <= seq),
    );

  const steps: Readonly<Record<string, (call: SystemCall) => void>> = {
    openat: ({ text, paths, resultPath }) => {
      if (/O_CREAT/.test(text) && /O_EXCL|O_TRUNC/.test(text)) disk.create(resultPath ?? (paths.at(-1) as string));
    },
    write: ({ paths: [path = ''], text }) => {
      if (path === ledger && text.includes('acknowledged'))
        mustBeFlushed('acknowledged', disk.unflushedNames(`${dataRoot}/bus/inbox`));
      disk.write(path);
    },
    fsync: ({ paths: [path = ''] }) => disk.flush(path),
    mkdir: ({ paths: [path = ''] }) => disk.create(path),
    rmdir: ({ paths: [path = ''] }) => disk.remove(path),
    unlink: ({ paths: [path = ''] }) => disk.remove(path),
    link: ({ paths: [from = '', to = ''] }) => disk.link(from, to),
    // These calls differ in the position of their target.
    copy_file_range: ({ paths }) => disk.write(paths[1] ?? ''),
    sendfile: ({ paths }) => disk.write(paths[0] ?? ''),
    rename: ({ paths: [from = '', to = ''] }) => {
      const [source, target] = [at(from), at(to)];
      // The content of COMMIT only says whether the files may be linked. Its existence is what
      // submits the job.
      if (/^bus\/inbox\//.test(target))
        mustBeFlushed(
          `submitted ${target}`,
          disk.unflushed(from).filter(path => path !== `${from}/COMMIT`),
        );
      if (/^bus\/journal\/hot\/\d+$/.test(target)) {
        mustBeFlushed(`committed ${target}`, disk.unflushed(from));
        storeIsFlushed(`committed ${target}`);
        commits.push(Number(basename(target)));
      }
      if (segment.test(target) || published.test(target))
        mustBeFlushed(`put into place ${target}`, disk.unflushed(from));
      if (/^bus\/(processed|rejected)\//.test(target)) isCommitted(`settled ${target}`, settled.get(to) ?? Infinity);
      // The file is about to be deleted. Its replacement must be durable, and so must the database
      // that names the replacement.
      if (/^bus\/journal\/hot\/\d+$/.test(source) || segment.test(source))
        mustBeFlushed(`deleted ${source}`, successors());
      disk.rename(from, to);
    },
  };
  for (const call of inOrderOfEffect(calls)) steps[sameAs[call.call] ?? call.call]?.(call);
  problems.push(...atTheEnd(disk, dataRoot).map(path => `at the end: ${at(path)} is not flushed`));
  return problems;
}

/**
 * Sorts calls by the time of their effect. A flush counts from its end, everything else from its
 * beginning. So a step that overlaps with the flush that it needs comes too early.
 */
function inOrderOfEffect(calls: readonly SystemCall[]): SystemCall[] {
  const moment = ({ call, began, ended }: SystemCall) => (call === 'fsync' || call === 'fdatasync' ? ended : began);
  return calls.filter(call => call.result !== undefined && call.result >= 0).sort((a, b) => moment(a) - moment(b));
}

/** Returns files that must be on the disk at the end of a process and are not. */
const atTheEnd = (disk: Disk, dataRoot: string): string[] => [
  ...['bus/inbox', 'bus/journal/hot'].flatMap(folder => disk.unflushedNames(`${dataRoot}/${folder}`)),
  ...['bus/store', 'bus/journal/segments', 'bus/canon'].flatMap(folder => disk.unflushed(`${dataRoot}/${folder}`)),
  ...[dataRoot, `${dataRoot}/exports`]
    .flatMap(folder => disk.unflushedNames(folder))
    .filter(path => published.test(relative(dataRoot, path))),
];
