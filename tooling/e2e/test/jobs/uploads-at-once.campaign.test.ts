// @module-tag campaign
import { readFileSync } from 'node:fs';
import { submitArtifact } from '@quantbot/infra/utils';
import { produce } from '@quantbot/tooling-testing/parquet';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, onTestFinished, test } from 'vitest';
import { spawnDaemon } from '../support/daemon-process.js';
import { servedBy } from '../support/http.js';
import { tokenFor, uploadsOf, useToken } from '../support/http-producer.js';

const count = 50;
const fileMb = 8;
/** The daemon holds a few pieces of 64 KB of each file. The parts of 8 MB would be 400 MB. */
const moreMb = 250;

test(`${count} uploads of ${fileMb} MB at once need little memory, and let local jobs through`, {
  timeout: 240_000,
}, async () => {
  const bus = makeTestBus({ http: { listen: '127.0.0.1:0' } });
  const { daemon, url } = await servedBy(await spawnDaemon(bus));
  useToken(await tokenFor(bus, 'laptop', '--submit', 'tests'));
  const rows = (fileMb * 1_000_000) / 16;
  const select = (i: number) => `SELECT range + ${i} AS n, hash(range * ${i + 1}) AS h FROM range(${rows})`;
  const files: string[] = [];
  for (let i = 0; i < count; i++) files.push(await produce(bus, select(i)));
  const send = async (parquetPath: string, i: number) =>
    submitArtifact({ runId: `r${i}`, producer: 'tests', kind: 'large', artifactId: 'a', busRoot: url, parquetPath });
  await (await submit(bus, { runId: 'first' })).settled();
  const before = pssMb(daemon.pid);
  const peak = watchPss(daemon.pid);
  const jobs = Promise.all(files.map(send));
  let isSent = false;
  const sent = jobs.finally(() => {
    isSent = true;
  });
  let local = 0;
  for (; !isSent; local++) await (await submit(bus, { runId: `local-${local}` })).settled();
  const submissions = await sent;
  const receipts = await Promise.all(submissions.map(submission => submission.settled({ timeoutMs: 120_000 })));
  expect(receipts.map(({ artifacts }) => artifacts[0]?.rows)).toEqual(Array(count).fill(rows));
  expect(uploadsOf(bus)).toEqual([]);
  expect(local).toBeGreaterThan(0);
  expect(peak() - before).toBeLessThan(moreMb);
});

/** The memory of a process and of all below it; shared pages count once (MB). */
const pssMb = (pid: number): number =>
  treeOf(pid).reduce(
    (sum, member) => sum + Number(/^Pss:\s+(\d+) kB/m.exec(procFile(member, 'smaps_rollup'))?.[1] ?? 0) / 1024,
    0,
  );

function watchPss(pid: number): () => number {
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, pssMb(pid));
  }, 200);
  onTestFinished(() => clearInterval(timer));
  return () => most;
}

const treeOf = (pid: number): number[] => [
  pid,
  ...procFile(pid, `task/${pid}/children`).split(' ').filter(Boolean).map(Number).flatMap(treeOf),
];

/** A process may have ended meanwhile. */
function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
