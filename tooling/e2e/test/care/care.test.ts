import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { lockWork, scrubGuardOf } from '@quantbot/bus-format/state';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { numbers } from '@quantbot/tooling-testing/parquet';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { describe, expect, test } from 'vitest';
import { drain, quantbotBus, spawnDaemon, startDaemon } from '../support/daemon-process.js';
import { query } from '../support/query.js';

/** A bus with three artifacts. Two are in a canonical table, compacted and not in `hot/`. */
async function filledBus(): Promise<TestBus> {
  const bus = makeTestBus({ compaction: { hot_commits: 2, idle_s: 0.1, release_grace_s: 0 } });
  const daemon = await spawnDaemon(bus);
  for (const runId of ['a', 'b'])
    await (await submit(bus, { runId, schemaHint: 'canon.numbers', select: numbers(10) })).settled();
  await (await submit(bus, { runId: 'c' })).settled();
  await eventually(
    () => readdirSync(bus.layout.hot),
    commits => !commits.includes('000000000002'),
  );
  await daemon.stop();
  return bus;
}

const stored = (bus: TestBus, runId: string): string =>
  join(bus.layout.root, `store/tests/numbers/${runId}@numbers.parquet`);
const verify = async (bus: TestBus, ...args: string[]) => {
  const { code, stdout } = await quantbotBus(bus, 'verify', '--json', ...args);
  const report = JSON.parse(stdout) as { artifacts: number; problems: { code: string; what: string }[] };
  return { code, artifacts: report.artifacts, problems: report.problems.map(p => `${p.code} ${p.what}`) };
};

describe('quantbot-bus verify', () => {
  sampled('finds every stored byte as the journal says, in any depth', async () => {
    const bus = await filledBus();
    expect(await verify(bus)).toEqual({ code: 0, artifacts: 3, problems: [] });
    expect(await verify(bus, '--deep')).toEqual({ code: 0, artifacts: 3, problems: [] });
  });

  test('names what is missing, changed and orphaned, and exits with 2', async () => {
    const bus = await filledBus();
    rmSync(stored(bus, 'c'));
    chmodSync(stored(bus, 'a'), 0o644);
    appendFileSync(stored(bus, 'a'), 'x');
    writeFileSync(stored(bus, 'nobody'), 'x');
    // A new file may belong to a batch that is being committed. This one is old enough to be an
    // orphan.
    const young = await verify(bus);
    expect(young).toMatchObject({
      code: 2,
      problems: ['CHANGED store/tests/numbers/a@numbers.parquet', 'MISSING store/tests/numbers/c@numbers.parquet'],
    });
  });

  sampled('notices that a canonical table has lost rows; the next start makes them again from the store', async () => {
    const bus = await filledBus();
    rmSync(join(bus.layout.canon, 'numbers'), { recursive: true });
    mkdirSync(join(bus.layout.canon, 'numbers'));
    expect((await drain(bus)).log().some(line => line.msg.includes('rebuilding the table from the store'))).toBe(true);
    expect(await query(bus, 'SELECT count(*) AS n, count(DISTINCT _artifact_key) AS k FROM canon.numbers')).toEqual([
      { n: 20, k: 2 },
    ]);
    expect((await verify(bus)).code).toBe(0);
  });
});

sampled('quantbot-bus verify holds a table against what its mode shows, and notices what it lacks', async () => {
  const bus = makeTestBus({
    canon: { tables: { newest: { mode: 'latest' }, merged: { mode: 'upsert', key: ['n'] } } },
  });
  const daemon = await startDaemon(bus);
  for (const [runId, first] of [
    ['a', 0],
    ['b', 5],
  ] as const)
    for (const table of ['newest', 'merged'])
      await (
        await submit(bus, {
          runId,
          kind: table,
          schemaHint: `canon.${table}`,
          select: `SELECT range AS n FROM range(${first}, ${first + 10})`,
        })
      ).settled();
  await daemon.stop();
  expect(await query(bus, 'SELECT (SELECT count(*) FROM canon.newest) AS a, count(*) AS b FROM canon.merged')).toEqual([
    { a: 10, b: 15 },
  ]);
  expect(await verify(bus)).toEqual({ code: 0, artifacts: 4, problems: [] });
  for (const commit of readdirSync(bus.layout.hot))
    for (const name of readdirSync(join(bus.layout.hot, commit)))
      if (/000000000003|000000000004/.test(name)) rmSync(join(bus.layout.hot, commit, name));
  expect(await verify(bus)).toEqual({ code: 2, artifacts: 4, problems: ['TABLE_ROWS newest', 'TABLE_ROWS merged'] });
});

test('quantbot-bus rebuild makes database and canonical tables again from journal and store alone', async () => {
  const bus = await filledBus();
  const before = await query(bus, 'SELECT n, _seq, _artifact_key FROM canon.numbers ORDER BY ALL');
  rmSync(bus.config.duckdbPath);
  rmSync(bus.layout.published, { recursive: true });
  rmSync(bus.layout.canon, { recursive: true });
  rmSync(bus.config.export.exportDir, { recursive: true });
  expect(await quantbotBus(bus, 'rebuild', '--json')).toMatchObject({ code: 0 });
  expect(await query(bus, 'SELECT n, _seq, _artifact_key FROM canon.numbers ORDER BY ALL')).toEqual(before);
  expect(await query(bus, 'SELECT count(*) AS n FROM catalog.artifacts_f')).toEqual([{ n: 3 }]);
});

sampled('quantbot-bus rebuild does not work beside a daemon, and says who is in the way', async () => {
  const bus = makeTestBus({ lock_timeout_s: 0.3 });
  const daemon = await spawnDaemon(bus);
  const { code, stderr } = await quantbotBus(bus, 'rebuild');
  expect(code).toBe(1);
  expect(stderr).toMatch(/^LOCK_TIMEOUT: /m);
  expect(stderr).toContain(String(daemon.pid));
  expect(stderr).toMatch(/^Try: /m);
});

describe('rejected jobs', () => {
  test('are listed with code, sentence and hint, and can be shown one by one', async () => {
    const bus = makeTestBus();
    await drain(bus);
    for (const jobId of ['bad', 'bad-too']) writeToInbox(bus, { jobId, manifest: 'not json' });
    await drain(bus);
    const list = await quantbotBus(bus, 'rejected');
    expect((await quantbotBus(bus, 'rejected', '--limit', '1')).stdout).toMatch(/\nand 1 more; --limit shows them\n$/);
    expect(list.stdout).toMatch(/^bad {2}MANIFEST_INVALID/m);
    expect(list.stdout).toMatch(/^ {2}Try: /m);
    const one = JSON.parse((await quantbotBus(bus, 'rejected', 'bad', '--json')).stdout);
    expect(one).toMatchObject([{ jobId: 'bad', reason: { code: 'MANIFEST_INVALID' } }]);
  });

  test('go back into the inbox as they came, and are ingested when the cause is gone', async () => {
    const bus = makeTestBus({ limits: { max_artifact_bytes: 10 } });
    await drain(bus);
    const { jobId } = await submit(bus, { runId: 'big' });
    await drain(bus);
    expect(existsSync(join(bus.layout.rejected, jobId))).toBe(true);
    writeFileSync(bus.configPath, JSON.stringify({ poll_interval_s: 0.2 }));
    expect(await quantbotBus(bus, 'retry', '--all')).toMatchObject({ code: 0, stdout: '1 job back in the inbox\n' });
    await drain(bus);
    expect(existsSync(join(bus.layout.processed, jobId, 'RECEIPT.json'))).toBe(true);
    expect(await query(bus, 'SELECT run_id FROM catalog.artifacts_f')).toEqual([{ run_id: 'big' }]);
  });

  test('go back by their code', async () => {
    const bus = makeTestBus({ limits: { max_artifact_bytes: 10 } });
    await drain(bus);
    writeToInbox(bus, { jobId: 'bad', manifest: 'not json' });
    const { jobId } = await submit(bus);
    await drain(bus);
    const retried = await quantbotBus(bus, 'retry', '--code', 'NOT_PARQUET', 'TOO_LARGE', '--json');
    expect(JSON.parse(retried.stdout)).toEqual({ retried: [jobId] });
    expect(readdirSync(bus.layout.inbox)).toEqual([jobId]);
    expect(readdirSync(bus.layout.rejected)).toEqual(['bad']);
    const unknown = await quantbotBus(bus, 'retry', '--code', 'NO_PARQUET');
    expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('NO_PARQUET is not a code') });
  });

  test('that are not there cannot be retried and stop no other; the error says how to find them', async () => {
    const bus = makeTestBus();
    writeToInbox(bus, { jobId: 'bad', manifest: 'not json' });
    await drain(bus);
    const { code, stdout, stderr } = await quantbotBus(bus, 'retry', 'nobody', 'bad');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '1 job back in the inbox\n' });
    expect(stderr).toMatch(/JOB_NOT_FOUND[\s\S]*Try: .*quantbot-bus rejected/);
  });
});

test('quantbot-bus gc says what would go, takes it away when told to, and leaves artifacts and fresh jobs alone', async () => {
  const bus = await filledBus();
  mkdirSync(join(bus.layout.staging, 'half-built'));
  symlinkSync(join(bus.folder, 'nowhere'), join(bus.layout.staging, 'dangling'));
  expect((await quantbotBus(bus, 'gc')).stdout).toBe('would remove 0 in all\n');
  const dry = JSON.parse((await quantbotBus(bus, 'gc', '--keep', '0s', '--keep-unfinished', '0s', '--json')).stdout);
  expect(dry.applied).toBe(false);
  expect(dry.items.map((item: { kind: string }) => item.kind).sort()).toEqual([
    'processed',
    'processed',
    'processed',
    'staging',
    'staging',
  ]);
  expect(readdirSync(bus.layout.processed)).toHaveLength(3);
  const applied = await quantbotBus(bus, 'gc', '--keep', '0s', '--keep-unfinished', '0s', '--apply');
  expect(applied).toMatchObject({ code: 0 });
  const { stdout } = await quantbotBus(bus, 'status');
  expect(stdout).toMatch(/^gc {8}removed 5 \(\d.* KiB\) at .* freed so far$/m);
  expect(stdout).toMatch(/^stored .* in the last day, \d.* in the last week; \d.* free$/m);
  expect(stdout).toMatch(/^producers tests \d.* \(\d.* in a week\)$/m);
  expect(readdirSync(bus.layout.processed)).toEqual([]);
  expect(readdirSync(bus.layout.staging)).toEqual([]);
  expect((await verify(bus)).code).toBe(0);
});

sampled('quantbot-bus gc removes an orphan of the store, and nothing that the journal names', async () => {
  const bus = await filledBus();
  const orphan = stored(bus, 'orphan');
  writeFileSync(orphan, 'x');
  utimesSync(orphan, 0, 0);
  await new Promise(resolve => setTimeout(resolve, 1100));
  await quantbotBus(bus, 'gc', '--keep-unfinished', '1s', '--apply');
  expect(existsSync(orphan)).toBe(false);
  expect((await verify(bus)).artifacts).toBe(3);
});

test('quantbot-bus says what it does not know, with a suggestion', async () => {
  const bus = makeTestBus();
  const { code, stderr } = await quantbotBus(bus, 'statsu');
  expect(code).toBe(1);
  expect(stderr).toContain('Did you mean status?');
});

test('quantbot-bus scrub waits for a scrub that is under way, but not for hours', async () => {
  const bus = makeTestBus({ lock_timeout_s: 1.5 });
  await drain(bus);
  const release = await lockWork(scrubGuardOf(bus.layout.root), bus.layout);
  const busy = await quantbotBus(bus, 'scrub');
  expect(busy).toMatchObject({ code: 1, stderr: expect.stringContaining('SCRUB_BUSY') });
  const waiting = quantbotBus(bus, 'scrub');
  setTimeout(() => release?.(), 1_000);
  expect(await waiting).toMatchObject({ code: 0, stdout: expect.stringContaining('all as they were written') });
});
