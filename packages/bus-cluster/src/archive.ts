import { basename, join } from 'node:path';
import { concurrently, daemonError, literalList, schemaMap, selectList } from '@quantbot/bus-format';
import { openMemoryDatabase, query, type SqlValue } from '@quantbot/bus-format/duckdb';
import {
  checkSeal,
  journalColumns,
  liveSegments,
  rowsFile,
  type Segment,
  segmentName,
  segmentsToMerge,
} from '@quantbot/bus-format/journal';
import { faultPoint } from '@quantbot/infra/files';
import type { Objects } from '@quantbot/infra/objects';
import { type HistoryRow, historyBetween, historyColumns } from './history.js';
import { readableUpTo } from './journal.js';
import { pagesOf } from './pages.js';
import type { Postgres } from './postgres/postgres.js';

const folder = 'journal/';
/** The jobs that are read and written at once. */
const stepJobs = 1000;
/** More objects than this are folded. */
const maxObjects = 32;
const downloadsAtOnce = 16;
const readMemoryMb = 512;

/** The part of the journal that is in the object store. */
export interface ArchivedJournal {
  /** The objects that hold it, in order. Neighbours may overlap. */
  live: Segment[];
  /** Objects that lie within a wider one. */
  garbage: Segment[];
  /** All jobs up to this one are there. */
  seq: number;
  /** The last job that is there. It is larger than `seq` only if some before it are missing. */
  lastSeq: number;
}

/** Lists the journal's objects, `journal/<first>-<last>.parquet`. It reads only their names. */
export async function archivedJournal(objects: Objects): Promise<ArchivedJournal> {
  const all: Segment[] = [];
  for await (const page of pagesOf(objects, folder))
    for (const { key, bytes } of page) {
      const [, first, last] = /^journal\/(\d{12})-(\d{12})\.parquet$/.exec(key) ?? [];
      if (first !== undefined) all.push({ first: Number(first), last: Number(last), name: key, bytes });
    }
  const live = liveSegments(all, Number.POSITIVE_INFINITY);
  let seq = 0;
  for (const { first, last } of live) if (first <= seq + 1) seq = Math.max(seq, last);
  return { live, garbage: all.filter(one => !live.includes(one)), seq, lastSeq: live.at(-1)?.last ?? 0 };
}

/** A file on this host, and the key of its object. */
interface PlacedFile {
  path: string;
  place: string;
}

/** Merges files into one sealed file: each row once, in order. */
export type MergeFiles = (sql: string, sources: readonly PlacedFile[], target: PlacedFile) => Promise<void>;

/**
 * Keeps a copy of the journal in the object store, so that the database can be rebuilt from the
 * bucket alone. Only the publisher writes it. Two publishers at the same time write the same rows,
 * under names that may overlap.
 */
export class JournalArchive {
  readonly #postgres: Postgres;
  readonly #objects: Objects;
  #seq: number;

  private constructor(postgres: Postgres, objects: Objects, seq: number) {
    this.#postgres = postgres;
    this.#objects = objects;
    this.#seq = seq;
  }

  /**
   * Finds the last job in the objects.
   *
   * @throws DaemonError `CLUSTER_BEHIND` if PostgreSQL lacks jobs that they have.
   */
  static async open(postgres: Postgres, objects: Objects): Promise<JournalArchive> {
    const { seq, lastSeq } = await archivedJournal(objects); // before the head, which is never behind
    const [head] = await postgres.query<{ seq: number }>('SELECT seq FROM bus.head');
    if (head !== undefined && head.seq < lastSeq)
      throw daemonError(
        'CLUSTER_BEHIND',
        `The database has jobs up to seq ${head.seq}, and the journal in ${objects.url} has them up to seq ${lastSeq}.`,
      );
    return new JournalArchive(postgres, objects, seq);
  }

  /** Every job up to this one is in the object store. */
  get seq(): number {
    return this.#seq;
  }

  /** Writes the rows of all jobs up to a seq that are not there yet. */
  async advance(upTo: number): Promise<void> {
    while (this.#seq < upTo) {
      const first = this.#seq + 1;
      const last = await readableUpTo(this.#postgres, this.#seq, Math.min(this.#seq + stepJobs, upTo));
      const rows = await historyBetween(this.#postgres, first, last);
      if (rows.length === 0) return;
      await this.#objects.create(keyOf(first, last), rowsFile(rows, historyColumns, keyOf(first, last)));
      faultPoint('archive:written');
      this.#seq = last;
    }
  }

  /**
   * Replaces many small objects by a larger one.
   *
   * @param merge writes that file.
   * @param work an empty folder for the files, which the caller removes.
   * @returns whether there was anything to do.
   */
  async fold(merge: MergeFiles, work: string): Promise<boolean> {
    const { live } = await archivedJournal(this.#objects);
    const group = live.length > maxObjects ? segmentsToMerge(live) : [];
    const [first, last] = [group[0], group.at(-1)];
    if (group.length < 2 || first === undefined || last === undefined) return false;
    const paths = await downloadJournal(this.#objects, group, work);
    const target = join(work, 'folded');
    const key = keyOf(first.first, last.last);
    const sources = paths.map((path, at) => ({ path, place: (group[at] as Segment).name }));
    await merge(foldSql(paths), sources, { path: target, place: key });
    await this.#objects.create(key, { path: target });
    const { garbage } = await archivedJournal(this.#objects);
    await this.#objects.remove(garbage.map(({ name }) => name));
    return true;
  }
}

/**
 * Writes rows of jobs again that no sound object has.
 *
 * @param damaged the object that had them, which is replaced or removed.
 */
export async function writeAgain(
  postgres: Postgres,
  objects: Objects,
  { first, last, damaged }: { first: number; last: number; damaged?: string | undefined },
): Promise<void> {
  const written: string[] = [];
  for (let from = first, upTo = 0; from <= last; from = upTo + 1) {
    upTo = await readableUpTo(postgres, from - 1, Math.min(from - 1 + stepJobs, last));
    const key = keyOf(from, upTo);
    await objects.replace(key, Buffer.from(rowsFile(await historyBetween(postgres, from, upTo), historyColumns, key)));
    written.push(key);
  }
  if (damaged !== undefined && !written.includes(damaged)) await objects.remove([damaged]);
}

const keyOf = (first: number, last: number): string => `${folder}${segmentName(first, last)}`;

/** Copies objects of the journal into a folder. */
export async function downloadJournal(objects: Objects, segments: readonly Segment[], into: string): Promise<string[]> {
  return concurrently(
    segments,
    async ({ name }) => {
      const path = join(into, name.slice(folder.length));
      if ((await objects.download(name, path)) === undefined)
        throw daemonError('JOURNAL_DAMAGED', `${objects.url}/${name} has vanished.`);
      return path;
    },
    downloadsAtOnce,
  );
}

const columns = [...journalColumns, { name: 'retry_of', type: 'BIGINT' }];

/** Objects of two publishers may overlap. They then have the same rows. */
const foldSql = (paths: readonly string[]): string =>
  `SELECT DISTINCT ON (seq, ordinal) ${selectList(columns)} FROM read_parquet(${literalList(paths)}, schema = ${schemaMap(columns)}) ORDER BY seq, ordinal`;

/**
 * Reads the rows of a downloaded object with `seq > after`, in steps of so many jobs.
 *
 * @throws DaemonError `JOURNAL_DAMAGED` if its checksum does not match.
 */
export async function* readJournalFile(path: string, after: number): AsyncGenerator<HistoryRow[]> {
  if ((await checkSeal(path, { place: `${folder}${basename(path)}` })) !== 'sound')
    throw daemonError('JOURNAL_DAMAGED', `${path}: the checksum does not match, so the rows may be wrong.`);
  const { connection, close } = await openMemoryDatabase({ memoryMb: readMemoryMb, threads: 2 });
  try {
    const from = `FROM read_parquet(${literalList([path])}, schema = ${schemaMap(columns)})`;
    const selected = historyColumns.map(([name, kind]) =>
      kind === 'timestamp' ? `epoch_ms(${name}) AS ${name}` : name,
    );
    const [range] = await query<{ last: bigint | null }>(connection, `SELECT max(seq) AS last ${from}`);
    for (let last = after; last < Number(range?.last ?? 0); last += stepJobs) {
      const rows = await query<Record<string, SqlValue>>(
        connection,
        `SELECT ${selected.join(', ')} ${from} WHERE seq > ${last} AND seq <= ${last + stepJobs} ORDER BY seq, ordinal`,
      );
      for (const row of rows) for (const name in row) if (typeof row[name] === 'bigint') row[name] = Number(row[name]);
      if (rows.length > 0) yield rows as unknown as HistoryRow[];
    }
  } finally {
    close();
  }
}
