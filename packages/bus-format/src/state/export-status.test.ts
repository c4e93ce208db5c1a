import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, test } from 'vitest';
import { type ExportStatus, exportStatusFile, readExportStatus, writeExportStatus } from './export-status.js';

const status: ExportStatus = {
  updated_at: '2026-01-31T12:00:00.000Z',
  served_seq: 0,
  exports: {
    trades: {
      ok: false,
      path: '/data/exports/trades.parquet',
      rows: 3,
      bytes: null,
      sha256: null,
      files: 1,
      as_of_seq: 7,
      definition: null,
      started_at: '2026-01-31T12:00:00.000Z',
      duration_ms: 12,
      error: 'disk full',
    },
  },
};

test('the status comes back as it was written, and nothing else is left in the folder', async () => {
  const folder = temporaryFolder();
  writeExportStatus(folder, status);
  writeExportStatus(folder, status);
  expect(await readExportStatus(folder)).toEqual(status);
  expect(readdirSync(folder)).toEqual([exportStatusFile]);
});

test('a status that is missing, torn or of another kind reads as empty, so that every export runs again', async () => {
  const folder = temporaryFolder();
  const empty = { updated_at: '1970-01-01T00:00:00.000Z', served_seq: 0, exports: {} };
  expect(await readExportStatus(folder)).toEqual(empty);
  for (const text of ['', '{"exports": {"tra', '[]', 'null', '{"exports": {"trades": {"ok": "yes"}}}']) {
    writeFileSync(join(folder, exportStatusFile), text);
    expect(await readExportStatus(folder), text).toEqual(empty);
  }
});

test('what the disk refuses is not taken for an empty status', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file'), '');
  await expect(readExportStatus(join(folder, 'file'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});
