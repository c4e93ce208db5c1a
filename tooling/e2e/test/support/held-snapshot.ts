import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { listPublished, readGcState } from '@quantbot/bus-format/state';
import { eventually } from '@quantbot/tooling-testing/eventually';
import type { HoldingReader } from '@quantbot/tooling-testing/readers';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';

const rowsOfJob = 3;

/** Creates a bus that compacts, publishes, releases, exports and collects garbage all the time. */
export const restlessBus = (): TestBus =>
  makeTestBus({
    compaction: { hot_commits: 2, idle_s: 0.2, release_grace_s: 0 },
    canon: { tables: { numbers: { mode: 'upsert', key: ['n'] } } },
    export: { min_interval_s: 0, max_share: 1, tables: { numbers: { layout: 'dataset' } } },
    gc: { interval: 0.5, keep: 0.001, keep_unfinished: 0.001 },
  });

/** Submits jobs and waits until each is settled. */
export async function commitJobs(bus: TestBus, count: number): Promise<void> {
  for (let job = 0; job < count; job++) await (await submit(bus, { schemaHint: 'canon.numbers' })).settled();
}

/**
 * Checks that a reader which opened the database before everything was compacted, published and
 * collected several times still gets every row, and that the files that it needed go afterwards.
 */
export async function outlivesEverything(bus: TestBus, reader: HoldingReader, jobs: number): Promise<void> {
  const numbers = async () => {
    const [row] = await reader.query('SELECT count(*) AS n, count(DISTINCT _seq) AS jobs FROM canon.numbers');
    const [all] = await reader.query('SELECT count(*) AS n FROM catalog.artifacts_f');
    return [Number(row?.n), Number(row?.jobs), Number(all?.n)];
  };
  const [held] = (await listPublished(bus.layout)).filter(({ supersededAt }) => supersededAt === null);
  expect(await numbers()).toEqual([rowsOfJob, 1, jobs]);
  for (let round = 1; round <= 3; round++) {
    const ended = readGcState(bus.layout.root)?.ended_at;
    await commitJobs(bus, 4);
    await eventually(
      () => readGcState(bus.layout.root)?.ended_at,
      now => now !== undefined && now !== ended,
      60_000,
    );
    expect(await numbers()).toEqual([rowsOfJob, 1, jobs + 4 * round]);
  }
  const path = join(bus.layout.published, `${held?.name}.duckdb`);
  expect(existsSync(path)).toBe(true);
  await reader.close();
  await eventually(
    () => existsSync(path),
    there => !there,
    60_000,
  );
}
