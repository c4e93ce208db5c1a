import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCatalog } from '@quantbot/storage';
import { expect, test } from 'vitest';
import { compactor, makeCommits } from '../test/support/commits.js';
import { openInProcess } from '../test/support/in-process-bus.js';
import { compactHot } from './writer/compaction/compact.js';
import { Exporter } from './writer/exports/exporter.js';
import { Aside } from './writer/loop/aside.js';
import { repairReceipts } from './writer/loop/recover.js';
import { Publisher } from './writer/publish/publisher.js';
import { releaseUnused } from './writer/publish/release.js';

const day = 86_400_000;

/** A bus with a commit, whose clock is then set back by a day. */
async function busOfYesterday() {
  const opened = await openInProcess({ export: { min_interval_s: 60 }, compaction: { release_grace_s: 10 } });
  const publisher = new Publisher(opened.bus);
  await makeCommits(opened.bus, opened.test, 1);
  await publisher.publishOrThrow();
  return { ...opened, publisher, setBack: () => opened.setClock(opened.bus.now() - day) };
}

test('a clock that is set back changes no order: the newest is what was committed last', async () => {
  const { bus, test: testBus, setBack, publisher } = await busOfYesterday();
  setBack();
  await makeCommits(bus, testBus, 1);
  await compactHot(bus, compactor);
  await publisher.publishOrThrow();
  const catalog = await openCatalog({ duckdbPath: testBus.config.duckdbPath });
  const [last, first] = await catalog.artifacts({ limit: 2 });
  expect([last?.seq, first?.seq]).toEqual([2, 1]);
  expect(last?.committedAt.getTime()).toBe((first?.committedAt.getTime() ?? 0) - day);
  await catalog.close();
});

test('exports, and jobs that were put aside, do not wait for a clock that was set back', async () => {
  const { bus, test: testBus, setBack, advance } = await busOfYesterday();
  const exporter = new Exporter(bus, compactor);
  await exporter.runDirty();
  const aside = new Aside(bus);
  const job = { claim: 'claim', jobId: 'job', folder: '/unused' };
  aside.failed([job], new Error('nobody foresaw this'));
  setBack();
  await makeCommits(bus, testBus, 1);
  expect(await exporter.nextDueMs()).toBe(60_000);
  advance(60_000);
  expect(await exporter.nextDueMs()).toBe(0);
  expect(aside.has(job)).toBe(false);
  exporter.stop();
});

test('what superseded databases need is deleted although the clock was set back', async () => {
  const { bus, setBack, publisher } = await busOfYesterday();
  await compactHot(bus, compactor);
  await publisher.publishOrThrow();
  expect((await releaseUnused(bus, [])).length).toBe(0);
  setBack();
  await releaseUnused(bus, []);
  expect(bus.journal.compactedSeq).toBe(1);
  expect(readdirSync(bus.layout.published)).toHaveLength(2);
});

test('receipts that a power cut tore are made again although the clock was set back since', async () => {
  const { bus, test: testBus, setBack } = await busOfYesterday();
  setBack();
  await makeCommits(bus, testBus, 1);
  const [torn, gone] = (await bus.journal.ingestedBetween(0, 2)).map(row => join(bus.layout.processed, row.job_id));
  writeFileSync(join(torn as string, 'RECEIPT.json'), '');
  rmSync(gone as string, { recursive: true });
  expect(await repairReceipts(bus)).toBe(2);
  expect(await repairReceipts(bus)).toBe(0);
});
