import { rm } from 'node:fs/promises';
import { manifestOf, readExportStatus, writeExportStatus } from '@quantbot/bus-format/state';
import { systemErrorCode } from '@quantbot/infra/files';
import type { Bus } from '../bus.js';

/**
 * Forgets runs that saw jobs which the journal lacks, because the bus was restored from a backup.
 * Must run before the first commit, after which the same numbers mean other jobs. The files stay
 * until they are rebuilt.
 */
export async function forgetExportsAhead({ config, journal, logger, now }: Bus): Promise<void> {
  const { exportDir } = config.export;
  const status = await readExportStatus(exportDir);
  const ahead = Object.entries(status.exports).filter(([, { as_of_seq }]) => as_of_seq > journal.lastSeq);
  if (ahead.length === 0 && status.served_seq <= journal.lastSeq) return;
  for (const [name, { path }] of ahead) {
    await forgetDataset(path);
    delete status.exports[name];
  }
  status.served_seq = Math.min(status.served_seq, journal.lastSeq);
  status.updated_at = new Date(now()).toISOString();
  writeExportStatus(exportDir, status);
  logger.warn(
    { exports: ahead.map(([name]) => name), lastSeq: journal.lastSeq },
    'exports have jobs that the journal does not have, as after a restore; rebuilding them',
  );
}

/** Without its manifest, a dataset is rebuilt instead of extended. */
async function forgetDataset(path: string): Promise<void> {
  try {
    await rm(manifestOf(path), { force: true });
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOTDIR') throw error; // a single file has no manifest
  }
}
