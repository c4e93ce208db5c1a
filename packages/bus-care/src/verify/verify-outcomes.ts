import { lstatSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { breathe, ignoreMissing, unlessUnreadable } from '@quantbot/bus-format';
import {
  isOutcomeOf,
  isRejection,
  type Journal,
  type JournalRow,
  maxOutcomeBytes,
  type TableNames,
} from '@quantbot/bus-format/journal';
import type { BusLayout } from '@quantbot/infra/bus';
import { fileNames, type Pace, readLoneFile } from '@quantbot/infra/files';
import type { StoreProblem } from './problem.js';

/** A receipt or reject reason, compared with the journal. */
export interface ComparedOutcome {
  /** Path relative to the bus root. */
  what: string;
  /** Undefined if it is missing or cannot be read. */
  text: string | undefined;
  /** Undefined if it agrees with the journal. */
  problem: StoreProblem | undefined;
  /** The rows of its job, from which it can be rewritten. */
  rows: readonly JournalRow[];
}

/** An outcome in a folder of `processed/` or `rejected/`. */
interface OutcomeFile {
  what: string;
  isRejection: boolean;
  jobId: string;
  /** An older outcome of the job id, kept beside the newer one under its seq. */
  seq: number | undefined;
}

/** Jobs in one query of the journal. */
const jobsAtOnce = 500;
/** A younger folder may be in the middle of being settled or removed. */
const inFlightMs = 60_000;

/** Lists the receipts and reject reasons that should exist, in the order of their paths. */
export async function listOutcomes(layout: BusLayout): Promise<string[]> {
  const places: [folder: string, name: string, file: string][] = [
    [layout.processed, 'processed', fileNames.receipt],
    [layout.rejected, 'rejected', fileNames.rejectReason],
  ];
  const found: string[] = [];
  for (const [folder, place, file] of places)
    for (const name of (await readdir(folder).catch(ignoreMissing)) ?? [])
      if (!name.startsWith('.')) found.push(`${place}/${name}/${file}`);
  return found.sort();
}

/**
 * Compares receipts and reject reasons with the journal, which has all of their content. A daemon
 * may settle jobs meanwhile. Skips folders of which the journal knows no job.
 */
export async function* compareOutcomes(
  layout: BusLayout,
  journal: Journal,
  whats: readonly string[],
  pace?: Pace,
): AsyncGenerator<ComparedOutcome> {
  for (let from = 0; from < whats.length; from += jobsAtOnce) {
    const files = whats.slice(from, from + jobsAtOnce).map(parseWhat);
    const jobs = await jobsOf(journal, files);
    const again: OutcomeFile[] = [];
    for (const file of files) {
      const compared = compare(layout, file, jobs, journal.names);
      if (compared === undefined) continue;
      await pace?.(compared.text?.length ?? 0);
      if (compared.problem === undefined) yield compared;
      else again.push(file);
      await breathe();
    }
    if (again.length === 0) continue;
    await journal.reload(); // a retry may have replaced it meanwhile
    await journal.readNames();
    const newer = await jobsOf(journal, again);
    for (const file of again) {
      const compared = compare(layout, file, newer, journal.names);
      if (compared !== undefined) yield compared;
    }
  }
}

function parseWhat(what: string): OutcomeFile {
  const [place, ...rest] = what.split('/');
  const name = rest.slice(0, -1).join('/');
  const [, jobId = name, seq] = /^(.*)~(\d+)$/s.exec(name) ?? [];
  return { what, isRejection: place === 'rejected', jobId, seq: seq === undefined ? undefined : Number(seq) };
}

/** Returns the jobs of these files, by kind and id, oldest first. */
async function jobsOf(journal: Journal, files: readonly OutcomeFile[]): Promise<Map<string, JournalRow[][]>> {
  const ids = [...new Set(files.map(({ jobId }) => jobId))];
  const bySeq = new Map<number, JournalRow[]>();
  for (const row of await journal.rows('WHERE job_id IN (SELECT unnest($1))', ids)) {
    const rows = bySeq.get(row.seq);
    if (rows === undefined) bySeq.set(row.seq, [row]);
    else rows.push(row);
  }
  const jobs = new Map<string, JournalRow[][]>();
  for (const rows of bySeq.values()) {
    const key = keyOf(isRejection(rows), rows[0]?.job_id ?? '');
    jobs.set(key, [...(jobs.get(key) ?? []), rows]);
  }
  return jobs;
}

const keyOf = (isOfRejection: boolean, jobId: string): string => `${isOfRejection ? 'rejected' : 'processed'}/${jobId}`;

/** Returns undefined if the file is not the outcome of a job in the journal. */
function compare(
  layout: BusLayout,
  file: OutcomeFile,
  jobs: ReadonlyMap<string, JournalRow[][]>,
  names: TableNames,
): ComparedOutcome | undefined {
  const { what, jobId, seq } = file;
  const of = (jobs.get(keyOf(file.isRejection, jobId)) ?? []).filter(rows => seq === undefined || rows[0]?.seq === seq);
  const rows = firstLikeLast(of);
  const path = join(layout.root, what);
  const text = readOutcome(layout, what);
  const folder = lstatSync(dirname(path), { throwIfNoEntry: false });
  if (rows === undefined || folder?.isDirectory() !== true) return undefined;
  const isMissing = text === undefined && lstatSync(path, { throwIfNoEntry: false }) === undefined;
  if (isMissing && Date.now() - folder.mtimeMs < inFlightMs) return undefined;
  // Identical bytes that are submitted again leave the receipt unchanged.
  if (of.some(job => isOutcomeOf(text ?? '', layout, job, names))) return { what, text, problem: undefined, rows };
  const state = text === undefined ? 'it is missing or cannot be read' : 'it does not say what the journal says';
  return { what, text, problem: { code: 'OUTCOME_DAMAGED', what, detail: `${state}; ${cure}` }, rows };
}

/**
 * Returns the first of the newest jobs with the same content: its outcome is the one that stays.
 */
const firstLikeLast = (jobs: readonly JournalRow[][]): JournalRow[] | undefined =>
  jobs[jobs.findLastIndex(rows => contentOf(rows) !== contentOf(jobs.at(-1))) + 1];

const contentOf = (rows: readonly JournalRow[] = []): string =>
  isRejection(rows) ? String(rows[0]?.seq) : JSON.stringify(rows.map(row => [row.artifact_key, row.sha256]));

const cure =
  'run quantbot-bus scrub, and the daemon writes it again within a minute; or stop the daemon and run quantbot-bus rebuild';

/** Returns the text of a receipt or reason; undefined if it is missing or cannot be read. */
export const readOutcome = ({ root }: BusLayout, what: string): string | undefined =>
  unlessUnreadable(() => readLoneFile(join(root, what), maxOutcomeBytes).toString('utf8'));
