import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openCatalog } from '@quantbot/storage';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, quantbotBus, startDaemon } from '../support/daemon-process.js';

const keyOf = (run: string) => `${run}/tests/numbers/numbers`;

/** A bus on which three runs have settled. */
async function busOfRuns(settings: Record<string, unknown> = {}): Promise<TestBus> {
  const bus = makeTestBus(settings);
  await drain(bus);
  for (const runId of ['r1', 'r2', 'r3']) {
    await submit(bus, { runId, schemaHint: 'canon.numbers', select: `SELECT 1 AS id, '${runId}' AS run` });
    await drain(bus);
  }
  return bus;
}

sampled(
  'an alias stands for an artifact until it is moved or removed, and its history stays; with and without a daemon',
  async () => {
    const bus = await busOfRuns();
    const alias = (...args: string[]) => quantbotBus(bus, 'alias', ...args);
    expect((await alias('set', 'tests/numbers@prod', keyOf('r1'))).stdout).toBe(
      `tests/numbers@prod is ${keyOf('r1')} as of seq 4\n`,
    );
    await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
    const latest = (name?: string) =>
      catalog.latest({ producer: 'tests', kind: 'numbers', ...(name && { alias: name }) });
    expect((await latest('prod'))?.key).toBe(keyOf('r1'));
    expect((await latest())?.key).toBe(keyOf('r3'));
    expect(await latest('staging')).toBeUndefined();

    const daemon = await startDaemon(bus);
    expect((await alias('set', 'tests/numbers@prod', keyOf('r2'))).code).toBe(0);
    expect((await latest('prod'))?.key).toBe(keyOf('r2'));
    const past = await catalog.asOf(4);
    expect((await past.latest({ producer: 'tests', kind: 'numbers', alias: 'prod' }))?.key).toBe(keyOf('r1'));
    await past.close();
    expect((await alias('list')).stdout).toBe(`tests/numbers@prod  ${keyOf('r2')}  (seq 5)\n`);

    expect((await alias('remove', 'tests/numbers@prod')).code).toBe(0);
    expect(await latest('prod')).toBeUndefined();
    expect(await catalog.aliases()).toEqual([]);
    expect(await catalog.query('SELECT alias, artifact_key FROM catalog.alias_history_f ORDER BY seq')).toEqual([
      { alias: 'prod', artifact_key: keyOf('r1') },
      { alias: 'prod', artifact_key: keyOf('r2') },
      { alias: 'prod', artifact_key: null },
    ]);
    const refused = await alias('set', 'tests/numbers@prod', keyOf('nobody'));
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('OPERATION_INVALID');
    expect(refused.stderr).toContain(`There is no artifact ${keyOf('nobody')}.`);
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  },
);

sampled('exports are made by hand: what is not up to date, or with --force all that is named', async () => {
  const bus = await busOfRuns();
  const path = join(bus.config.export.exportDir, 'numbers.parquet');
  const before = statSync(path);
  expect((await quantbotBus(bus, 'export')).stdout).toMatch(/^numbers: 3 rows, \d+ bytes, as of seq 3 /);
  expect(statSync(path).ino).toBe(before.ino);
  const daemon = await startDaemon(bus);
  const forced = await quantbotBus(bus, 'export', 'numbers', '--force', '--json');
  expect(forced.code).toBe(0);
  expect(JSON.parse(forced.stdout)).toMatchObject({ numbers: { ok: true, as_of_seq: 5 } });
  expect(statSync(path).ino).not.toBe(before.ino);
  expect(readFileSync(path).length).toBeGreaterThan(0);
  const unknown = await quantbotBus(bus, 'export', 'nothing');
  expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no export nothing') });
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
});

const modes = [
  ['append', { mode: 'append' }, [['r1'], ['r1', 'r2'], ['r1', 'r2', 'r3']]],
  ['latest', { mode: 'latest' }, [['r1'], ['r2'], ['r3']]],
  ['upsert', { mode: 'upsert', key: ['id'] }, [['r1'], ['r2'], ['r3']]],
] as const;

test.each(sampleOf(modes, 1))(
  'the past is as it was, in the catalog and in a table of mode %s, also after compaction',
  { tags: ['campaign'] },
  async (_, numbers, expected) => {
    const bus = await busOfRuns({ canon: { tables: { numbers } }, compaction: { hot_commits: 2, idle_s: 0.1 } });
    await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
    const committed = await catalog.artifacts();
    for (const [index, runs] of expected.entries()) {
      const seq = index + 1;
      const at = committed.find(artifact => artifact.seq === seq)?.committedAt as Date;
      for (const moment of [seq, at]) {
        await using past = await catalog.asOf(moment);
        expect((await past.latest({ producer: 'tests', kind: 'numbers' }))?.runId).toBe(`r${seq}`);
        expect(await past.artifacts()).toHaveLength(seq);
        expect((await past.runs()).map(run => run.runId)).toEqual(['r3', 'r2', 'r1'].slice(3 - seq));
        const rows = await past.query('SELECT run, _artifact_key FROM canon.numbers ORDER BY run');
        expect(rows).toEqual(runs.map(run => ({ run, _artifact_key: keyOf(run) })));
      }
    }
    await using beginning = await catalog.asOf(0);
    expect(await beginning.artifacts()).toEqual([]);
    expect(await beginning.query('SELECT * FROM canon.numbers')).toEqual([]);
  },
);
