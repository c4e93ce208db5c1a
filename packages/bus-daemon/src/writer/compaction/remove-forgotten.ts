import { unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { breathe } from '@quantbot/bus-format';
import { canonTableOf, tablesBehind } from '@quantbot/bus-format/canon';
import { checkSeal, listSegments } from '@quantbot/bus-format/journal';
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
  at: bigint;
  status: 'forgotten' | 'erased';
  rel_path: string;
  schema_hint: string | null;
}

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
  const removed = readRemovedUpTo(layout.root);
  if (journal.lastTurn <= removed) return { files: 0 };
  const upTo = journal.compactedSeq;
  const pending = await journal.query<Pending>(
    `SELECT f.artifact_key, f.seq, j.seq AS own_seq, epoch_ms(f.forgotten_at) AS at, f.status, f.rel_path, f.schema_hint
     FROM _bus.forgotten f JOIN _bus.journal j ON j.artifact_key = f.artifact_key AND j.status = 'ingested'
     WHERE f.seq > ${removed} AND f.seq <= ${upTo} ORDER BY f.seq`,
  );
  const mayGo = await rowsAreSafe(bus, pending);
  const graceEnd = bus.now() - graceMs;
  const folders = new Set<string>();
  let waitsFrom = Number.POSITIVE_INFINITY;
  let files = 0;
  for (const item of pending) {
    if (Number(item.at) > graceEnd || !mayGo(item)) {
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
  const done = Math.min(upTo, waitsFrom - 1);
  if (done > removed) await writeRemovedUpTo(layout, done);
  return { files };
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
 * Returns whether the bytes of an artifact may go: if its rows stay in a table, the table must have
 * compacted them, and its compacted files must be as they were written.
 */
async function rowsAreSafe(bus: Bus, pending: readonly Pending[]): Promise<(item: Pending) => boolean> {
  const staying = pending.filter(({ status }) => status === 'forgotten');
  const tables = new Set(staying.flatMap(({ schema_hint }) => canonTableOf(schema_hint) ?? []));
  if (tables.size === 0) return () => true;
  const behind = await tablesBehind(bus.layout, bus.journal.compactedSeq);
  const rotten = new Set<string>();
  for (const table of tables) if (!(await isSound(bus, table))) rotten.add(table);
  return ({ status, schema_hint, own_seq }) => {
    const table = canonTableOf(schema_hint);
    if (status === 'erased' || table === undefined) return true;
    return !rotten.has(table) && Number(own_seq) <= (behind.get(table)?.after ?? Number.POSITIVE_INFINITY);
  };
}

async function isSound({ layout, journal }: Bus, table: string): Promise<boolean> {
  const folder = join(layout.canon, table);
  const { live } = await listSegments(folder, journal.compactedSeq);
  for (const { name } of live) if ((await checkSeal(join(folder, name))) === 'rotten') return false;
  return live.length > 0;
}
