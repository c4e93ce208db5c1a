import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { submitArtifact } from '@quantbot/infra/utils';
import { type BenchBus, drain, makeBus } from '../bus.js';
import { type Row, round, type Suite } from '../results.js';
import { makeFiles } from '../workload.js';

interface DatasetFiles {
  files: { from_seq: number; bytes: number }[];
  open_from_seq: number;
}

/**
 * The cost of exporting one new artifact of a table that is already large: as a file, and as a
 * dataset.
 */
export const exports: Suite = async ({ folder, quick, say }) => {
  const rows: Row[] = [];
  const large = await makeFiles(join(folder, 'files'), '100 MB', 1);
  const small = await makeFiles(join(folder, 'files'), '30 KB', 20);
  for (const layout of ['file', 'dataset']) {
    const bus = await makeBus(join(folder, layout), {
      export: { tables: { ticks: { layout } }, min_interval_s: 0 },
    });
    for (const times of quick ? [1] : [0.3, 1, 2, 3]) {
      say(`exports: ${layout}, ${times} times 100 MB`);
      const file = times < 1 ? (small.files[0] as string) : (large.files[0] as string);
      await submitOne(bus, `large-${times}`, file);
      await drain(bus);
      const before = status(bus);
      await submitOne(bus, `small-${times}`, small.files[Math.ceil(times)] as string);
      await drain(bus);
      const after = status(bus);
      rows.push({
        what: `${layout}, a table of ${before.rows.toLocaleString('en')} rows, ${small.rows.toLocaleString('en')} new`,
        export_ms: after.duration_ms,
        mb_written: round(bytesWritten(bus, layout) / 1e6),
        mb_in_all: round(after.bytes / 1e6),
      });
    }
  }
  return {
    suite: 'exports',
    title: 'What a new artifact costs in exports',
    how: 'A canonical table gets an artifact of 1,000 rows, and the export runs at once. All settings have their defaults.',
    rows,
    skipped: [],
  };
};

async function submitOne(bus: BenchBus, runId: string, parquetPath: string): Promise<void> {
  const what = { producer: 'bench', kind: 'ticks', artifactId: 'a', schemaHint: 'canon.ticks' };
  await submitArtifact({ busRoot: bus.root, runId, parquetPath, ...what });
}

const status = (bus: BenchBus): { rows: number; bytes: number; duration_ms: number } =>
  JSON.parse(readFileSync(join(bus.exportDir, '_export_status.json'), 'utf8')).exports.ticks;

/** Returns the bytes of the files that an export wrote: only the newest ones of a dataset. */
function bytesWritten(bus: BenchBus, layout: string): number {
  if (layout === 'file') return status(bus).bytes;
  const { files, open_from_seq } = JSON.parse(
    readFileSync(`${bus.exportDir}/ticks/../_dataset.json`, 'utf8'), // beside the folder that the link points to
  ) as DatasetFiles;
  return files.filter(file => file.from_seq === open_from_seq).reduce((sum, file) => sum + file.bytes, 0);
}
