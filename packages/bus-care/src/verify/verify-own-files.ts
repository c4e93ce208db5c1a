import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { concurrently, ignoreMissing } from '@quantbot/bus-format';
import {
  checkSeal,
  damagedEmptyFiles,
  emptyCommit,
  listSegments,
  liveJournalFiles,
} from '@quantbot/bus-format/journal';
import {
  databasePath,
  datasetSchema,
  type ExportEntry,
  exportStatusFile,
  hasRotted,
  listDamagedRecords,
  listPublished,
  manifestOf,
  readExportStatus,
} from '@quantbot/bus-format/state';
import { hurtAmong } from '@quantbot/duckdb-process';
import type { BusLayout } from '@quantbot/infra/bus';
import type { BusConfig } from '@quantbot/infra/config';
import { exists, type Pace, readState, systemErrorCode } from '@quantbot/infra/files';
import type { OwnFile, StoreProblem, StoreProblemCode } from './problem.js';
import { stateFiles } from './verify-state.js';

const atOnce = 4;

/**
 * Compares the daemon's own files with their checksums: journal, compacted tables, published
 * database, exports.
 */
export const checkOwnFiles = async (config: BusConfig, layout: BusLayout): Promise<StoreProblem[]> =>
  checkAll(await listOwnFiles(config, layout));

/** Compares the published database, the records of publications, and the small state files. */
export const checkSmallFiles = async (config: BusConfig, layout: BusLayout): Promise<StoreProblem[]> =>
  checkAll([
    ...(await databaseFiles(config, layout)),
    ...(await stateFiles(config, layout, await tableFolders(layout))),
  ]);

const checkAll = async (files: readonly OwnFile[]): Promise<StoreProblem[]> =>
  (await concurrently(files, ({ check }) => check(), atOnce)).filter(problem => problem !== undefined);

/** Lists the files that the daemon wrote itself. */
export async function listOwnFiles(config: BusConfig, layout: BusLayout): Promise<OwnFile[]> {
  const tables = await tableFolders(layout);
  return [
    ...(await journalFiles(layout)),
    ...(await segmentFiles(layout, tables)),
    ...(await databaseFiles(config, layout)),
    ...(await exportFiles(config)),
    ...(await stateFiles(config, layout, tables)),
  ];
}

async function tableFolders({ canon }: BusLayout): Promise<string[]> {
  if (!(await exists(canon))) return [];
  const entries = await readdir(canon, { withFileTypes: true });
  return entries.filter(entry => entry.isDirectory()).map(({ name }) => name);
}

/** Returns a file that contains its own digest. */
const sealed = ({ root }: BusLayout, what: string, code: StoreProblemCode, cure: string): OwnFile => ({
  what,
  path: join(root, what),
  async check(pace) {
    const state = await checkSeal(join(root, what), { place: what, pace }).catch(diskFailed);
    if (state === 'rotten') return { code, what, detail: `its checksum does not match${cure}` };
    return state === 'unreadable' ? { code, what, detail: `the disk cannot read it (EIO)${cure}` } : undefined;
  },
});

function diskFailed(error: unknown): 'unreadable' {
  if (systemErrorCode(error) !== 'EIO') throw error;
  return 'unreadable';
}

const journalFiles = async (layout: BusLayout): Promise<OwnFile[]> => [
  ...(await liveJournalFiles(layout)).map(path =>
    sealed(layout, join('journal', path), 'JOURNAL_DAMAGED', cureOfJournalFile(path)),
  ),
  ...(await damagedEmptyFiles(layout)).map((path): OwnFile => {
    const what = join('journal', path);
    const detail = 'it is not as it was written, and has no rows; each start of the daemon writes it again';
    const isStill = async () => (await damagedEmptyFiles(layout)).includes(path);
    const check = async () => ((await isStill()) ? { code: 'TABLE_DAMAGED' as const, what, detail } : undefined);
    return { what, path: join(layout.root, what), check };
  }),
];

const cureOfJournalFile = (path: string): string =>
  path.startsWith(`hot/${emptyCommit}/`)
    ? '; it has no rows: restart the daemon, which writes it again'
    : ', so its rows may be wrong; stop the daemon and restore this file from a backup';

async function segmentFiles(layout: BusLayout, tables: readonly string[]): Promise<OwnFile[]> {
  const files: OwnFile[] = [];
  for (const table of tables)
    for (const { name } of (await listSegments(join(layout.canon, table))).live)
      files.push(
        sealed(
          layout,
          join('canon', table, name),
          'TABLE_DAMAGED',
          '; stop the daemon and run quantbot-bus rebuild, which reads the store',
        ),
      );
  return files;
}

/** Lists the published database and the records of publications. */
async function databaseFiles({ duckdbPath }: BusConfig, layout: BusLayout): Promise<OwnFile[]> {
  if (!(await exists(layout.published))) return [];
  const files = (await listDamagedRecords(layout)).map((name): OwnFile => {
    const what = join('published', `${name}.json`);
    const detail =
      'it is not as it was written; nothing is lost: the daemon publishes again within seconds, and removes it once no reader can hold its database';
    return { what, path: join(layout.root, what), check: async () => ({ code: 'RECORD_DAMAGED', what, detail }) };
  });
  const info = await stat(duckdbPath).catch(ignoreMissing);
  const record = (await listPublished(layout)).find(({ ino }) => ino === info?.ino);
  if (record === undefined) return files;
  const problem: StoreProblem = {
    code: 'DATABASE_DAMAGED',
    what: duckdbPath,
    detail: 'its bytes have changed; nothing is lost: the daemon publishes it again, and so does quantbot-bus rebuild',
  };
  // Use its own name: the public name may belong to another file by now.
  const path = databasePath(layout, record.name);
  const check = async (pace?: Pace) =>
    (await hasRotted(path, record, pace).catch(ignoreMissing)) ? problem : undefined;
  return [...files, { what: duckdbPath, path, check }];
}

async function exportFiles({ export: { exportDir } }: BusConfig): Promise<OwnFile[]> {
  const files: OwnFile[] = [];
  for (const [name, entry] of Object.entries((await readExportStatus(exportDir)).exports))
    for (const { newerSeq, ...source } of entry.ok ? await filesOf(entry) : [])
      files.push({
        what: source.path,
        path: source.path,
        async check(pace) {
          if ((await hurtAmong([source], pace)).length === 0) return undefined;
          // A run renames a file into place before it records the file's SHA-256.
          const isNewer = (await writtenAt(source.path)) > (await writtenAt(join(exportDir, exportStatusFile)));
          const check = { ofExport: { name, minSeq: newerSeq }, pace };
          if (isNewer && (await checkSeal(source.path, check).catch(diskFailed)) === 'sound') return undefined;
          const now = (await readExportStatus(exportDir)).exports[name];
          const isStillMeant = now !== undefined && (await filesOf(now)).some(file => file.sha256 === source.sha256);
          if (!isStillMeant) return undefined; // it was rewritten while it was hashed
          return {
            code: 'EXPORT_DAMAGED',
            what: source.path,
            detail: `its SHA-256 is not that of the export ${name}; quantbot-bus export ${name} --force writes it again`,
          };
        },
      });
  return files;
}

const writtenAt = async (path: string): Promise<number> => (await stat(path).catch(ignoreMissing))?.mtimeMs ?? 0;

/** A file of an export, as it was recorded. */
interface ExportFile {
  path: string;
  sha256: string;
  /** A file of a later run has at least the jobs up to this one. */
  newerSeq: number;
}

/** Returns the existing files of an export. A run at the same job replaces files, but no parts. */
async function filesOf({ path, sha256, as_of_seq }: ExportEntry): Promise<ExportFile[]> {
  if (!(await exists(path))) return []; // doctor reports a missing file
  if (sha256 !== null) return [{ path, sha256, newerSeq: as_of_seq }];
  const dataset = readState(manifestOf(path), datasetSchema); // the check of state files reports a damaged one
  if (typeof dataset === 'string') return [];
  const newerSeq = dataset.as_of_seq + 1;
  return dataset.files.map(file => ({ path: join(path, file.path), sha256: file.sha256, newerSeq }));
}
