import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compactor, makeCommits, runBatch } from '../../../test/support/commits.js';
import { openInProcess } from '../../../test/support/in-process-bus.js';
import { putClaimed } from '../../../test/support/jobs.js';
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
