import {
  appendFileSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { backupFolder, compacting, restoredBus } from '../support/backups.js';
import { cliPath, drain, quantbotBus, spawnDaemon } from '../support/daemon-process.js';
import { query } from '../support/query.js';

interface Report {
  seq: number;
  artifacts: number;
  copied: number;
  jobs: number;
  problems: string[];
}

async function backupOf(bus: TestBus, folder = backupFolder(bus)): Promise<Report & { code: number | null }> {
  const { code, stdout, stderr } = await quantbotBus(bus, 'backup', folder, '--json');
  expect(stderr).toBe('');
  return { code, ...(JSON.parse(stdout) as Report) };
}

function canShareBlocks(folder: string): boolean {
  writeFileSync(join(folder, 'original'), 'x');
  try {
    copyFileSync(join(folder, 'original'), join(folder, 'clone'), constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    return false;
  }
}

/** Creates a bus from the backup, and runs a daemon on it. */
async function restored(bus: TestBus, settings: Record<string, unknown> = {}): Promise<TestBus> {
  const other = restoredBus(bus, settings);
  await drain(other);
  return other;
}

const verify = async (bus: TestBus) =>
  JSON.parse((await quantbotBus(bus, 'verify', '--deep', '--json')).stdout) as {
    artifacts: number;
    problems: unknown[];
  };
const storedOf = (bus: TestBus, runId: string) => join(bus.layout.store, `tests/numbers/${runId}@numbers.parquet`);
const count = async (bus: TestBus, from: string) =>
  Number((await query(bus, `SELECT count(*) AS n FROM ${from}`))[0]?.n);

sampled(
  'a bus that was lost comes back from its backup, elsewhere: artifacts, tables, exports, and jobs on their way',
  async () => {
    const bus = makeTestBus(compacting);
    await drain(bus);
    for (const runId of ['a', 'b', 'c']) {
      await submit(bus, { runId, schemaHint: 'canon.numbers', select: numbers(10) });
      await drain(bus);
    }
    writeToInbox(bus, { jobId: 'bad', manifest: '{' });
    await drain(bus);
    await submit(bus, { runId: 'waits', jobId: 'waits', schemaHint: 'canon.numbers', select: numbers(5) });
    expect(await backupOf(bus)).toMatchObject({ code: 0, seq: 4, artifacts: 3, copied: 3, jobs: 2, problems: [] });
    rmSync(join(bus.folder, 'data'), { recursive: true });
    const other = await restored(bus);
    expect(await verify(other)).toEqual({ artifacts: 4, bytes: expect.any(Number), problems: [] });
    expect(await count(other, 'canon.numbers')).toBe(35);
    expect(await query(other, 'SELECT job_id, status FROM catalog.jobs_f WHERE seq >= 4 ORDER BY seq')).toEqual([
      { job_id: 'bad', status: 'rejected' },
      { job_id: 'waits', status: 'ingested' },
    ]);
    expect(statSync(join(other.folder, 'data/exports/numbers.parquet')).isFile()).toBe(true);
    expect((await quantbotBus(other, 'rejected', '--json')).stdout).toContain('"bad"');
  },
);

sampled('only what is new is copied again, and an artifact that the bus has lost is kept', async () => {
  const bus = makeTestBus();
  await drain(bus);
  await submit(bus, { runId: 'a' });
  await drain(bus);
  expect(await backupOf(bus)).toMatchObject({ artifacts: 1, copied: 1 });
  await submit(bus, { runId: 'b' });
  await drain(bus);
  rmSync(storedOf(bus, 'a'));
  expect(await backupOf(bus)).toMatchObject({ code: 0, artifacts: 2, copied: 1, problems: [] });
  expect((await verify(await restored(bus))).problems).toEqual([]);
});

sampled(
  'an artifact that has changed is told, and does not take the place of a good copy or stop the others',
  async () => {
    const bus = makeTestBus();
    await drain(bus);
    await submit(bus, { runId: 'a' });
    await submit(bus, { runId: 'b' });
    await drain(bus);
    const path = storedOf(bus, 'a');
    chmodSync(path, 0o644);
    appendFileSync(path, 'x');
    const report = await backupOf(bus);
    expect(report).toMatchObject({ code: 2, artifacts: 2, copied: 1 });
    expect(report.problems).toEqual([expect.stringMatching(/store\/tests\/numbers\/a@numbers.parquet: sha256 is/)]);
  },
);

sampled('a job whose producer still writes to it is told, and does not stop the others', async context => {
  const bus = makeTestBus();
  if (canShareBlocks(bus.folder)) return context.skip('a copy is made at once here, of one moment');
  await drain(bus);
  await submit(bus, { runId: 'a' });
  await drain(bus);
  const folder = writeToInbox(bus, { jobId: 'written', manifest: '{' });
  const path = join(folder, 'artifact.parquet');
  writeFileSync(path, Buffer.alloc(32 * 1024 * 1024));
  const writing = setInterval(() => appendFileSync(path, 'x'), 1);
  const report = await backupOf(bus).finally(() => clearInterval(writing));
  expect(report).toMatchObject({ code: 2, artifacts: 1, copied: 1, jobs: 0 });
  expect(report.problems).toEqual(['inbox/written: is being changed']);
  expect(await backupOf(bus)).toMatchObject({ code: 0, jobs: 1, problems: [] });
});

sampled(
  'backups under load, one of them killed, are each whole: every job up to their last one, and no other',
  async () => {
    const bus = makeTestBus(compacting);
    const daemon = await spawnDaemon(bus);
    const parquetPath = await produce(bus, numbers(3));
    let stop = false;
    const producing = (async () => {
      for (let n = 0; !stop; n++)
        await (await submit(bus, { runId: `r${n}`, parquetPath, schemaHint: 'canon.numbers' })).settled();
    })();
    const folder = join(bus.folder, 'backup');
    const args = ['backup', folder, '--config', bus.configPath];
    const killed = startChild(process.execPath, [cliPath, ...args], bus.folder);
    await eventually(() => existsSync(join(folder, '.next/journal')), Boolean);
    killed.process.kill('SIGKILL');
    await killed.ended;
    for (let round = 0; round < 3; round++) {
      const { seq, artifacts, problems } = await backupOf(bus);
      expect([artifacts, problems]).toEqual([seq, []]);
      const other = await restored(bus, compacting);
      const waiting = (await count(other, 'catalog.jobs_f')) - seq;
      expect(waiting).toBeGreaterThanOrEqual(0);
      expect(await verify(other)).toMatchObject({ artifacts: await count(other, 'catalog.artifacts_f'), problems: [] });
      expect(await count(other, 'canon.numbers')).toBe(3 * (await count(other, 'catalog.artifacts_f')));
    }
    stop = true;
    await producing;
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  },
);

test.each([
  ['holds something else', (bus: TestBus) => join(bus.folder, 'data')],
  ['is within the bus', (bus: TestBus) => join(bus.layout.root, 'backup')],
  ['is the bus', (bus: TestBus) => bus.layout.root],
])('a folder that %s is refused, and left as it is', async (_what, folderOf) => {
  const bus = makeTestBus();
  await drain(bus);
  const before = readdirSync(bus.layout.root).sort();
  const { code, stderr } = await quantbotBus(bus, 'backup', folderOf(bus));
  expect([code, stderr]).toEqual([1, expect.stringContaining('BACKUP_TAKEN')]);
  expect(readdirSync(bus.layout.root).sort()).toEqual(before);
});

test('the backup of another bus is not written over', async () => {
  const [bus, other] = [makeTestBus(), makeTestBus()];
  await drain(bus);
  await drain(other);
  const folder = join(bus.folder, 'backup');
  await backupOf(bus, folder);
  const { code, stderr } = await quantbotBus(other, 'backup', folder);
  expect([code, stderr]).toEqual([1, expect.stringContaining('BACKUP_TAKEN')]);
  expect(JSON.parse(readFileSync(join(folder, 'bus.json'), 'utf8'))).toEqual(
    JSON.parse(readFileSync(bus.layout.marker, 'utf8')),
  );
  writeFileSync(join(folder, 'backup.json'), '{'); // torn; the marker still identifies the backup
  expect((await backupOf(bus, folder)).problems).toEqual([]);
});
