import { unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { breathe } from '@quantbot/bus-format';
import { tablesBehind, turnsOfTables } from '@quantbot/bus-format/canon';
import { checkSeal, listSegments, placeIn } from '@quantbot/bus-format/journal';
import { readRemovedUpTo, writeRemovedUpTo } from '@quantbot/bus-format/state';
import { exists, faultPoint, inFolder, syncFolder, systemErrorCode } from '@quantbot/infra/files';
import type { Bus } from '../bus.js';

/** A forgotten artifact whose bytes may still be in the store. */
interface Pending {
  artifact_key: string;
  /** The job that forgot it. */
  seq: bigint;
  /** Its own job. */
  own_seq: bigint;
  status: 'forgotten' | 'erased';
  rel_path: string;
  schema_hint: string | null;
}

/** Artifacts in memory at once. */
const pageSize = 10_000;

/**
 * Removes the bytes of forgotten artifacts from the store. They stay for the grace period, and
 * until their canonical table has their rows in sound compacted files. Safe to run again from any
 * point: the journal says what is forgotten, and a job that brings an artifact back keeps its file.
 *
 * @param graceMs how long the bytes stay for readers that are about to open the file.
 * @returns the number of removed files.
 */
export async function removeForgotten(bus: Bus, graceMs: number): Promise<{ files: number }> {
  const { journal, layout } = bus;
  let removed = readRemovedUpTo(layout.root);
  if (journal.lastTurn <= removed) return { files: 0 };
  const upTo = journal.compactedSeq;
  const graceEnd = bus.now() - graceMs;
  const operations = await operationsBetween(bus, removed, upTo);
  const due = operations.filter(({ at }) => at <= graceEnd);
  let waitsFrom = operations.find(({ at }) => at > graceEnd)?.seq ?? Number.POSITIVE_INFINITY;
  const mayGo = rowsAreSafe(bus);
  let files = 0;
  const noteRemoved = async (seq: number) => {
    if (seq > removed) await writeRemovedUpTo(layout, seq);
    removed = Math.max(removed, seq);
  };
  for (const page of pagesOf(due)) {
    const gone = await removePage(bus, page, mayGo);
    files += gone.files;
    waitsFrom = Math.min(waitsFrom, gone.waitsFrom);
    await noteRemoved(Math.min(page.at(-1)?.seq ?? 0, waitsFrom - 1));
  }
  await noteRemoved(Math.min(upTo, waitsFrom - 1));
  return { files };
}

/** A job that forgot artifacts. */
interface ForgetJob {
  seq: number;
  /** The moment of its commit (milliseconds). */
  at: number;
  artifacts: number;
}

async function operationsBetween({ journal }: Bus, after: number, upTo: number): Promise<ForgetJob[]> {
  const rows = await journal.query<{ seq: bigint; at: bigint; n: bigint }>(
    `SELECT seq, epoch_ms(max(committed_at)) AS at, count(*) AS n FROM _bus.journal
     WHERE status IN ('forgotten', 'erased') AND seq > ${after} AND seq <= ${upTo} GROUP BY seq ORDER BY seq`,
  );
  return rows.map(({ seq, at, n }) => ({ seq: Number(seq), at: Number(at), artifacts: Number(n) }));
}

/** Splits jobs into lists with about {@link pageSize} artifacts. */
function pagesOf(jobs: readonly ForgetJob[]): ForgetJob[][] {
  const pages: ForgetJob[][] = [];
  let artifacts = pageSize;
  for (const job of jobs) {
    if (artifacts >= pageSize) {
      pages.push([]);
      artifacts = 0;
    }
    pages.at(-1)?.push(job);
    artifacts += job.artifacts;
  }
  return pages;
}

/**
 * Removes the bytes that some jobs let go.
 *
 * @returns the number of removed files, and the first job of which an artifact must wait.
 */
async function removePage(
  bus: Bus,
  page: readonly ForgetJob[],
  mayGo: (item: Pending) => Promise<boolean>,
): Promise<{ files: number; waitsFrom: number }> {
  const { journal, layout } = bus;
  const pending = await journal.query<Pending>(
    `SELECT f.artifact_key, f.seq, j.seq AS own_seq, f.status, f.rel_path, f.schema_hint
     FROM _bus.forgotten f JOIN _bus.journal j ON j.artifact_key = f.artifact_key AND j.status = 'ingested'
     WHERE f.seq IN (${page.map(({ seq }) => seq).join(', ')}) AND f.seq BETWEEN ${page[0]?.seq} AND ${page.at(-1)?.seq} ORDER BY f.seq`,
  );
  const folders = new Set<string>();
  let waitsFrom = Number.POSITIVE_INFINITY;
  let files = 0;
  for (const item of pending) {
    if (!(await mayGo(item))) {
      waitsFrom = Math.min(waitsFrom, Number(item.seq));
      continue;
    }
    // No await between the question and the removal: a job may bring the artifact back at any time.
    if (bus.returned.has(item.rel_path)) continue;
    if (unlink(inFolder(layout.root, item.rel_path))) files++;
    folders.add(dirname(inFolder(layout.root, item.rel_path)));
    faultPoint('forget:file-removed');
    await breathe();
  }
  for (const folder of folders) if (await exists(folder)) await syncFolder(folder);
  faultPoint('forget:removed');
  return { files, waitsFrom };
}

function unlink(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) throw error;
    return false;
  }
}

/**
 * Returns whether the bytes of an artifact may go. If its rows stay in a table, the table must have
 * compacted them. Its compacted files must be as they were written, and have followed what was
 * forgotten, dropped and restored before. Each table is looked at once.
 */
function rowsAreSafe(bus: Bus): (item: Pending) => Promise<boolean> {
  const sound = new Map<string, Promise<boolean>>();
  let behind: ReturnType<typeof tablesBehind> | undefined;
  let turns: ReturnType<typeof turnsOfTables> | undefined;
  return async ({ status, schema_hint, own_seq }) => {
    const table = bus.journal.names.tableOf(schema_hint, Number(own_seq));
    if (status === 'erased' || table === undefined) return true;
    behind ??= tablesBehind(bus.layout, bus.journal.compactedSeq);
    turns ??= turnsOfTables(bus.journal, bus.journal.compactedSeq);
    const hasFollowed = (bus.tableTurns.get(table) ?? 0) >= ((await turns).get(table) ?? 0);
    if (!hasFollowed || bus.tables.held.has(table)) return false;
    const isTableSound = sound.get(table) ?? isSound(bus, table);
    sound.set(table, isTableSound);
    const after = (await behind).get(table)?.after ?? Number.POSITIVE_INFINITY;
    return (await isTableSound) && Number(own_seq) <= after;
  };
}

async function isSound({ layout, journal }: Bus, table: string): Promise<boolean> {
  const folder = join(layout.canon, table);
  const { live } = await listSegments(folder, journal.compactedSeq);
  for (const { name } of live) {
    const path = join(folder, name);
    if ((await checkSeal(path, { place: placeIn(layout, path) })) === 'rotten') return false;
  }
  return live.length > 0;
}
