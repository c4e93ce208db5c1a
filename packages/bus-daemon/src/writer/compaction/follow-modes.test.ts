import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { verifyStore } from '@quantbot/bus-care/verify';
import { readParquetFooter } from '@quantbot/infra';
import { writeSelect } from '@quantbot/tooling-testing/parquet';
import { expect, test } from 'vitest';
import { compactor, runBatch } from '../../../test/support/commits.js';
import { type InProcessBus, openInProcess } from '../../../test/support/in-process-bus.js';
import { putClaimed } from '../../../test/support/jobs.js';
import { Publisher } from '../publish/publisher.js';
import { verify } from '../stages/verify.js';
import { compactHot } from './compact.js';
import { followModes } from './rebuild-tables.js';

async function addRow({ bus, test }: InProcessBus) {
  const jobId = `job-${bus.journal.lastSeq + 1}`;
  const files = { 'a.parquet': await writeSelect(test.folder, `SELECT 'a' AS k, ${bus.journal.lastSeq} AS v`) };
  const manifest = { artifacts: [{ artifact_id: jobId, relpath: 'a.parquet', schema_hint: 'canon.t' }] };
  await runBatch(bus, await verify(bus, [putClaimed(bus, { jobId, files, manifest })]));
}

async function setMode({ bus }: InProcessBus, mode: string, key: string[] = []) {
  const who = { reason: null, by: null };
  const op = { type: 'table_set_mode', table: 't', mode, key, order_by: [], ...who };
  const jobId = `set-${bus.journal.lastSeq + 1}`;
  await runBatch(bus, await verify(bus, [putClaimed(bus, { jobId, files: {}, manifest: { artifacts: [], op } })]));
}

test('a table whose mode is set while its files follow an older one stays hidden until they follow again', async () => {
  const opened = await openInProcess();
  const { bus } = opened;
  for (let i = 0; i < 3; i++) await addRow(opened);
  const compactedRows = async () => {
    const folder = join(bus.layout.canon, 't');
    const names = readdirSync(folder).filter(name => name.endsWith('.parquet'));
    return (await readParquetFooter(join(folder, names.sort().at(-1) ?? ''))).rows;
  };
  await setMode(opened, 'upsert', ['k']);
  await compactHot(bus, compactor);
  expect(await followModes(bus, compactor, () => {})).toEqual(['t']);
  expect(await compactedRows()).toBe(1);
  await setMode(opened, 'latest');
  expect([...bus.tables.held]).toEqual(['t']);
  await compactHot(bus, compactor);

  const slow = new Proxy(compactor, {
    get: (target, name) =>
      name === 'inTurn'
        ? async (work: () => Promise<unknown>) => {
            await target.inTurn(work);
            await setMode(opened, 'append');
          }
        : Reflect.get(target, name, target),
  });
  expect(await followModes(bus, slow, () => {})).toEqual(['t']);
  expect(bus.tables.get('t')?.mode).toBe('append');
  expect(await compactedRows()).toBe(1);
  expect(bus.tables.tables()).toEqual([]);

  await compactHot(bus, compactor);
  expect(await followModes(bus, compactor, () => {})).toEqual(['t']);
  expect(bus.tables.tables()).toMatchObject([{ name: 't', mode: 'append' }]);
  expect(await compactedRows()).toBe(3);
});

test('verify misses no table whose files follow an operation, and any other that no view shows', async () => {
  const opened = await openInProcess();
  const { bus } = opened;
  const publisher = new Publisher(bus);
  const problems = async () => (await verifyStore(bus.config)).problems;
  await addRow(opened);
  await setMode(opened, 'upsert', ['k']);
  await compactHot(bus, compactor);
  await followModes(bus, compactor, () => {});
  await setMode(opened, 'latest');
  await publisher.publishOrThrow();
  expect(bus.tables.tables()).toEqual([]);
  expect(await problems()).toEqual([]);
  await compactHot(bus, compactor);
  await followModes(bus, compactor, () => {});
  expect(await problems()).toEqual([]); // a daemon publishes it soon
  utimesSync(join(bus.layout.canon, 't', 'table.json'), 0, 0);
  expect(await problems()).toMatchObject([{ code: 'TABLE_ROWS', detail: expect.stringContaining('has no canon.t') }]);
  await publisher.publishOrThrow();
  expect(await problems()).toEqual([]);
  publisher.close();
});
