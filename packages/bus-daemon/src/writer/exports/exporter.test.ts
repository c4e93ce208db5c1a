import { writeSelect } from '@quantbot/tooling-testing/parquet';
import { expect, test } from 'vitest';
import { compactor, runBatch } from '../../../test/support/commits.js';
import { type InProcessBus, openInProcess } from '../../../test/support/in-process-bus.js';
import { putClaimed } from '../../../test/support/jobs.js';
import { verify } from '../stages/verify.js';
import { Exporter } from './exporter.js';

async function addRow({ bus, test }: InProcessBus, table: string) {
  const files = { 'a.parquet': await writeSelect(test.folder, 'SELECT 1 AS v') };
  const manifest = { artifacts: [{ artifact_id: table, relpath: 'a.parquet', schema_hint: `canon.${table}` }] };
  await runBatch(bus, await verify(bus, [putClaimed(bus, { jobId: `of-${table}`, files, manifest })]));
}

async function drop({ bus }: InProcessBus, table: string) {
  const op = { type: 'table_drop', table, reason: null, by: null };
  const job = putClaimed(bus, { jobId: `drop-${table}`, files: {}, manifest: { artifacts: [], op } });
  await runBatch(bus, await verify(bus, [job]));
}

test('an export whose table an operation takes away before its turn has not failed', async () => {
  const opened = await openInProcess();
  for (const table of ['t', 'u']) await addRow(opened, table);
  const dropping = new Proxy(compactor, {
    get: (target, name) =>
      name === 'inTurn'
        ? async (work: () => Promise<unknown>) => {
            if (opened.bus.tables.get('u') !== undefined) await drop(opened, 'u');
            return target.inTurn(work);
          }
        : Reflect.get(target, name, target),
  });
  const exporter = new Exporter(opened.bus, dropping);
  await exporter.runDirty({ ignoreInterval: true });
  expect(exporter.hasFailed).toBe(false);
  expect(await exporter.states()).toMatchObject([{ name: 't', ok: true, rows: 1 }]);
});
