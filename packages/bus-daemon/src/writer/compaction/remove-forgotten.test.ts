import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { verifyStore } from '@quantbot/bus-care/verify';
import { tablesBehind } from '@quantbot/bus-format/canon';
import { listSegments } from '@quantbot/bus-format/journal';
import { readParquetFooter } from '@quantbot/infra';
import { expect, test } from 'vitest';
import { compactor, makeCommits, runBatch } from '../../../test/support/commits.js';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { putClaimed } from '../../../test/support/jobs.js';
import { Publisher } from '../publish/publisher.js';
import { verify } from '../stages/verify.js';
import { compactHot } from './compact.js';
import { followModes } from './rebuild-tables.js';
import { removeForgotten } from './remove-forgotten.js';

test('the bytes of a forgotten artifact stay until the files of its table have followed what came before', async () => {
  const { bus, test: testBus } = await openInProcess();
  await makeCommits(bus, testBus, 1);
  const [{ artifact_key, rel_path } = { artifact_key: '', rel_path: '' }] = await bus.journal.query<{
    artifact_key: string;
    rel_path: string;
  }>("SELECT artifact_key, rel_path FROM _bus.journal WHERE status = 'ingested'");
  const op = { type: 'forget', artifact_keys: [artifact_key], force: true, rows: 'default', reason: null, by: null };
  const asked = await putClaimed(bus, { jobId: 'asked', files: {}, manifest: { artifacts: [], op } });
  await runBatch(bus, await verify(bus, [asked]));
  await compactHot(bus, compactor);
  const file = join(bus.layout.root, rel_path);
  bus.tables.hold('numbers'); // as after `table restore`, until the table is rebuilt
  expect(await removeForgotten(bus, 0)).toEqual({ files: 0 });
  expect(existsSync(file)).toBe(true);
  expect(await followModes(bus, compactor, () => {})).toEqual([]);
  expect(await removeForgotten(bus, 0)).toEqual({ files: 1 });
  expect(existsSync(file)).toBe(false);
  expect(readdirSync(join(bus.layout.canon, 'numbers'))).not.toEqual([]);
});

test('rows that are erased leave the table, also if nothing else of it came since the last compaction', async () => {
  const { bus, test: testBus } = await openInProcess();
  await makeCommits(bus, testBus, 1);
  await compactHot(bus, compactor);
  await makeCommits(bus, testBus, 1);
  const [newest] = await bus.journal.query<{ artifact_key: string }>(
    "SELECT artifact_key FROM _bus.journal WHERE status = 'ingested' ORDER BY seq DESC LIMIT 1",
  );
  const keys = [newest?.artifact_key ?? ''];
  const op = { type: 'forget', artifact_keys: keys, force: true, rows: 'drop', reason: null, by: null };
  const asked = await putClaimed(bus, { jobId: 'asked', files: {}, manifest: { artifacts: [], op } });
  await runBatch(bus, await verify(bus, [asked]));
  await new Publisher(bus).publishOrThrow();
  const tableProblems = async () =>
    (await verifyStore(bus.config)).problems.filter(({ code }) => code === 'TABLE_ROWS').map(({ detail }) => detail);
  expect(await tableProblems()).toEqual([]); // the next compaction takes them out
  await compactHot(bus, compactor);
  await followModes(bus, compactor, () => {});
  expect(await tablesBehind(bus.layout, bus.journal.compactedSeq)).toEqual(new Map());
  const { live } = await listSegments(join(bus.layout.canon, 'numbers'), bus.journal.compactedSeq);
  const rows = await Promise.all(
    live.map(({ name }) => readParquetFooter(join(bus.layout.canon, 'numbers', name)).then(footer => footer.rows)),
  );
  expect(rows.reduce((sum, n) => sum + n, 0)).toBe(3);
});
