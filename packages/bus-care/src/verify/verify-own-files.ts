import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ignoreMissing } from '@quantbot/bus-format';
import { checkSeal, listSegments, rottenJournalFiles } from '@quantbot/bus-format/journal';
import {
  type ExportEntry,
  hasRotted,
  listDamagedRecords,
  listPublished,
  readDataset,
  readExportStatus,
} from '@quantbot/bus-format/state';
import { hurtAmong } from '@quantbot/duckdb-process';
import { type BusConfig, type BusLayout, exists } from '@quantbot/infra';
import { StorageError } from '@quantbot/storage';
import type { StoreProblem } from './verify-store.js';

/**
 * Compares what the daemon wrote itself with its checksums: journal, compacted tables, published
 * database, exports.
 */
export async function checkOwnFiles(config: BusConfig, layout: BusLayout): Promise<StoreProblem[]> {
  return [
    ...(await journalProblems(layout)),
    ...(await segmentProblems(layout)),
    ...(await checkDatabaseFiles(config, layout)),
    ...(await exportProblems(config)),
  ];
}

const journalProblems = async (layout: BusLayout): Promise<StoreProblem[]> =>
  (await rottenJournalFiles(layout)).map(path => ({
    code: 'JOURNAL_DAMAGED',
    what: join('journal', path),
    detail: 'its checksum does not fit, so its rows may be wrong; stop the daemon and restore this file from a backup',
  }));

async function segmentProblems(layout: BusLayout): Promise<StoreProblem[]> {
  const problems: StoreProblem[] = [];
  for (const table of (await exists(layout.canon)) ? await readdir(layout.canon) : [])
    for (const { name } of (await listSegments(join(layout.canon, table))).live)
      if ((await checkSeal(join(layout.canon, table, name))) === 'rotten')
        problems.push({
          code: 'TABLE_DAMAGED',
          what: join('canon', table, name),
          detail: 'its checksum does not fit; stop the daemon and run quantbot-bus rebuild, which reads the store',
        });
  return problems;
}

/** The published database and the records of what was published. */
export async function checkDatabaseFiles({ duckdbPath }: BusConfig, layout: BusLayout): Promise<StoreProblem[]> {
  if (!(await exists(layout.published))) return [];
  const info = await stat(duckdbPath).catch(ignoreMissing);
  const record = (await listPublished(layout)).find(({ ino }) => ino === info?.ino);
  const problems: StoreProblem[] = (await listDamagedRecords(layout)).map(name => ({
    code: 'RECORD_DAMAGED',
    what: join('published', `${name}.json`),
    detail: 'it is not as it was written; nothing is lost, and the daemon publishes again within seconds',
  }));
  if (record !== undefined && (await hasRotted(duckdbPath, record)))
    problems.push({
      code: 'DATABASE_DAMAGED',
      what: duckdbPath,
      detail:
        'its bytes have changed; nothing is lost: the daemon publishes it again, and so does quantbot-bus rebuild',
    });
  return problems;
}

async function exportProblems({ export: { exportDir } }: BusConfig): Promise<StoreProblem[]> {
  const problems: StoreProblem[] = [];
  const before = await readExportStatus(exportDir);
  for (const [name, entry] of Object.entries(before.exports)) {
    if (!entry.ok || (await hurtAmong(await filesOf(entry))).length === 0) continue;
    const now = (await readExportStatus(exportDir)).exports[name];
    if (now?.started_at !== entry.started_at) continue; // written again while it was hashed
    if ((await hurtAmong(await filesOf(entry))).length === 0) continue;
    problems.push({
      code: 'EXPORT_DAMAGED',
      what: entry.path,
      detail: `its SHA-256 is not that of the export ${name}; quantbot-bus export ${name} --force writes it again`,
    });
  }
  return problems;
}

/** The files of an export that are there, with their digests. */
async function filesOf({ path, sha256 }: ExportEntry): Promise<{ path: string; sha256: string }[]> {
  if (!(await exists(path))) return []; // doctor's to tell
  if (sha256 !== null) return [{ path, sha256 }];
  const dataset = await readDataset(path);
  return (dataset?.files ?? []).map(file => ({ path: join(path, file.path), sha256: file.sha256 }));
}

/** Says what a check of tables found when it could not even read them. */
export function unreadableTables(error: unknown, duckdbPath: string): StoreProblem {
  if (!(error instanceof StorageError) || error.code === 'DATABASE_LOCKED') throw error;
  return { code: 'TABLE_ROWS', what: duckdbPath, detail: `${error.message} ${error.details.join(' ')}`.trim() };
}
