import { readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { concurrently, type OnProgress } from '@quantbot/bus-format';
import { type TableArtifacts, tableStarts } from '@quantbot/bus-format/canon';
import { Journal, type JournalRow } from '@quantbot/bus-format/journal';
import { readRemovedUpTo } from '@quantbot/bus-format/state';
import { decodeFile, type FileToDecode, WorkerProcess } from '@quantbot/duckdb-process';
import { type BusLayout, busLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { digestFile, type Pace, systemErrorCode } from '@quantbot/infra/files';
import { checkJournal } from './check-journal.js';
import type { StoreProblem } from './problem.js';
import { compareOutcomes, listOutcomes } from './verify-outcomes.js';
import { checkOwnFiles } from './verify-own-files.js';
import { checkTables, noteArtifact, unreadableTables } from './verify-tables.js';

/** The result of a verification. */
export interface VerifyReport {
  artifacts: number;
  bytes: number;
  problems: StoreProblem[];
}

/** The options of a verification. */
export interface VerifyOptions {
  /** Whether to decode every page of every artifact too. */
  deep?: boolean;
  /** Called with the number of bytes that were hashed. */
  onProgress?: OnProgress;
}

/** The journal is read in steps of this many jobs, so that memory stays bounded. */
const stepJobs = 10_000;
/** A younger file may belong to a batch that is being committed. */
const inFlightMs = 60_000;

/**
 * Re-hashes the whole store against the journal, and the daemon's own files against their
 * checksums. Finds missing, changed and orphaned files, and canonical tables with other rows than
 * their modes require. Only reads, so a daemon may run meanwhile.
 */
export async function verifyStore(config: BusConfig, options: VerifyOptions = {}): Promise<VerifyReport> {
  const layout = busLayout(config.busRoot);
  const problems = await checkOwnFiles(config, layout);
  if (!problems.some(({ code }) => code === 'JOURNAL_DAMAGED')) problems.push(...(await lostCommits(layout)));
  try {
    const report = await compareStore(config, layout, options);
    // Tables cannot be read through a damaged database, which is already reported.
    const isDamaged = problems.some(({ code }) => code === 'DATABASE_DAMAGED');
    const known = new Set(problems.map(({ code, what }) => `${code} ${what}`));
    const found = report.problems.filter(
      ({ code, what }) => !known.has(`${code} ${what}`) && (!isDamaged || what !== config.duckdbPath),
    );
    return { ...report, problems: [...problems, ...found] };
  } catch (error) {
    // Any error may follow from a damaged journal, which is already reported.
    if (!problems.some(({ code }) => code === 'JOURNAL_DAMAGED')) throw error;
    return { artifacts: 0, bytes: 0, problems };
  }
}

/** Finds out that files of the journal are gone. The others are as they were written. */
async function lostCommits(layout: BusLayout): Promise<StoreProblem[]> {
  const checked = await checkJournal(layout);
  if (typeof checked === 'number') return [];
  const cure = 'stop the daemon and restore the missing files from a backup';
  return [{ code: 'JOURNAL_DAMAGED', what: 'journal', detail: `${checked.message.replace(/\.$/, '')}; ${cure}` }];
}

async function compareStore(config: BusConfig, layout: BusLayout, options: VerifyOptions): Promise<VerifyReport> {
  const journal = await Journal.read(layout);
  const decoder = new StoreDecoder(config.limits);
  const report: VerifyReport = { artifacts: 0, bytes: 0, problems: [] };
  const named = new Set<string>();
  const tables = new Map<string, TableArtifacts>();
  try {
    const { lastSeq } = journal;
    const dropped = await droppedTables(journal);
    const total = await journal.ingestedBytes(lastSeq);
    let hashed = 0;
    for (let after = 0; after < lastSeq; after += stepJobs) {
      const upTo = Math.min(after + stepJobs, lastSeq);
      const rows = await journal.ingestedBetween(after, upTo, journal.unerased);
      const forgotten = await forgottenBetween(journal, after, upTo);
      const problems = await concurrently(
        rows,
        async row => {
          if (forgotten.has(row.artifact_key ?? '')) return undefined;
          const found = await checkArtifact(layout, row, { decoder: options.deep ? decoder : undefined });
          hashed += row.bytes ?? 0;
          options.onProgress?.({ done: hashed, total, unit: 'bytes' });
          return found;
        },
        4,
      );
      report.problems.push(...problems.flatMap(found => found ?? []));
      for (const [index, row] of rows.entries()) {
        const isForgotten = forgotten.has(row.artifact_key ?? '');
        if (!isForgotten) report.artifacts++;
        if (!isForgotten) report.bytes += row.bytes ?? 0;
        if (!isForgotten) named.add(row.rel_path ?? '');
        const table = journal.names.tableOf(row.schema_hint, row.seq);
        if (table === undefined || row.seq <= (dropped.get(table) ?? 0)) continue;
        noteArtifact(tables, journal.names.nameOf(table), row, problems[index]?.length === 0);
      }
    }
    for (const relPath of await notYetRemoved(layout, journal)) named.add(relPath);
    const nowAt = (what: string) => options.onProgress?.({ done: total, total, unit: 'bytes', what });
    nowAt('orphans');
    const orphans = await findOrphans(layout, named);
    nowAt('receipts');
    const outcomes: StoreProblem[] = [];
    for await (const { problem } of compareOutcomes(layout, journal, await listOutcomes(layout)))
      if (problem !== undefined) outcomes.push(problem);
    nowAt('canonical tables');
    report.problems = report.problems.concat(orphans, outcomes, await tableProblems(config, journal, tables, lastSeq));
    return report;
  } finally {
    decoder.close();
    journal.close();
  }
}

/** Returns the last drop of each table that was dropped and not restored. */
async function droppedTables(journal: Journal): Promise<Map<string, number>> {
  const starts = tableStarts(await journal.tableOperations());
  return new Map([...starts].map(([name, { after = 0 }]) => [name, after]));
}

/** Returns the keys of forgotten artifacts whose rows stay. */
async function forgottenBetween(journal: Journal, after: number, upTo: number): Promise<Set<string>> {
  const rows = await journal.query<{ key: string }>(
    `SELECT artifact_key AS key FROM _bus.journal SEMI JOIN _bus.forgotten USING (artifact_key)
     WHERE status = 'ingested' AND seq > ${after} AND seq <= ${upTo}`,
  );
  return new Set(rows.map(({ key }) => key));
}

/** Returns the paths of forgotten artifacts whose bytes the daemon has yet to remove. */
async function notYetRemoved(layout: BusLayout, journal: Journal): Promise<string[]> {
  const rows = await journal.query<{ rel_path: string }>(
    `SELECT rel_path FROM _bus.forgotten WHERE seq > ${readRemovedUpTo(layout.root)}`,
  );
  return rows.map(({ rel_path }) => rel_path);
}

const tableProblems = (...asked: Parameters<typeof checkTables>): Promise<StoreProblem[]> =>
  checkTables(...asked).catch(error => [unreadableTables(error, asked[0].duckdbPath)]);

/** Compares a stored artifact with the journal. */
export async function checkArtifact(
  layout: BusLayout,
  row: JournalRow,
  { decoder, pace }: { decoder?: StoreDecoder | undefined; pace?: Pace | undefined } = {},
): Promise<StoreProblem[]> {
  const what = row.rel_path ?? '';
  const path = join(layout.root, what);
  try {
    const { bytes, sha256 } = await digestFile(path, pace);
    if (bytes !== row.bytes || sha256 !== row.sha256)
      return [{ code: 'CHANGED', what, detail: `sha256 is ${sha256}, the journal has ${row.sha256} (seq ${row.seq})` }];
  } catch (error) {
    if (systemErrorCode(error) === 'EIO')
      return [{ code: 'UNREADABLE', what, detail: 'the disk cannot read it (EIO)' }];
    if (systemErrorCode(error) === 'EISDIR')
      return [{ code: 'CHANGED', what, detail: `it is a folder, the journal has ${row.sha256} (seq ${row.seq})` }];
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    return [{ code: 'MISSING', what, detail: `the journal has it since seq ${row.seq}, sha256 ${row.sha256}` }];
  }
  const problem = await decoder?.problemOf({ path, rows: row.rows ?? 0, bytes: row.bytes ?? 0 });
  return problem === undefined ? [] : [{ code: 'UNREADABLE', what, detail: problem }];
}

/** Decodes stored files one at a time, so that a crash is attributed to the right file. */
class StoreDecoder {
  readonly #limits: BusConfig['limits'];
  readonly #worker = new WorkerProcess('verify', { idleMs: 60_000 });
  #turn: Promise<unknown> = Promise.resolve();

  constructor(limits: BusConfig['limits']) {
    this.#limits = limits;
  }

  /**
   * Returns why a file is broken. A file that DuckDB does not support, or that is too expensive to
   * decode, counts as sound: it may have been submitted so.
   */
  problemOf(file: FileToDecode): Promise<string | undefined> {
    const finding = this.#turn.then(() => decodeFile(this.#worker, { files: [file], required: [] }, this.#limits));
    this.#turn = finding.catch(() => {});
    return finding.then(found => (found !== undefined && 'unreadable' in found ? found.unreadable : undefined));
  }

  close(): void {
    this.#worker.close();
  }
}

async function findOrphans(layout: BusLayout, named: ReadonlySet<string>): Promise<StoreProblem[]> {
  const orphans: StoreProblem[] = [];
  for (const entry of await readdir(layout.store, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const path = join(entry.parentPath, entry.name);
    const what = relative(layout.root, path);
    if (named.has(what) || Date.now() - (await stat(path)).ctimeMs < inFlightMs) continue;
    orphans.push({ code: 'ORPHAN', what, detail: 'no journal row names it; quantbot-bus gc removes it' });
  }
  return orphans;
}
