import { readdirSync, readFileSync } from 'node:fs';
import { campaign } from '@quantbot/tooling-config/campaign';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { produce } from '@quantbot/tooling-testing/parquet';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, spawnDaemon } from '../support/daemon-process.js';
import { query } from '../support/query.js';

const variants = campaign(100, 1500);
const seed = Number(process.env.FC_SEED ?? Math.floor(Date.now() / 86_400_000));
const hint = 'canon.hostile';

/**
 * A file with nested and plain columns, several row groups, dictionaries and statistics: many kinds
 * of bytes to break.
 */
const produceRich = (bus: TestBus): Promise<string> =>
  produce(
    bus,
    `SELECT range AS n, 'w' || range % 7 AS word, range / 3.0 AS x, {'a': range, 'b': [range, 1]} AS nested, DATE '2026-01-01' + CAST(range AS INTEGER) AS day FROM range(300)`,
  );

/** A small seeded generator, so that a seed replays a run. */
function randomBelow(start: number): (limit: number) => number {
  let state = start >>> 0;
  return limit => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** Submits the contents as jobs of the canonical table, and waits until all have settled. */
async function submitAll(bus: TestBus, contents: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for (const [jobId, content] of contents)
    writeToInbox(bus, {
      jobId,
      files: { 'a.parquet': { content } },
      manifest: { artifacts: [{ artifact_id: 'a', relpath: 'a.parquet', schema_hint: hint }] },
    });
  await eventually(
    () => readdirSync(bus.layout.inbox).length + readdirSync(bus.layout.claimed).length,
    left => left === 0,
    600_000,
  );
}

const endStates = (bus: TestBus): string[] => [
  ...readdirSync(bus.layout.processed),
  ...readdirSync(bus.layout.rejected),
];

/** Reads every row of the table, so that a broken file would show. */
const readWhole = (bus: TestBus) =>
  query(bus, 'SELECT count(*) AS n, CAST(bit_xor(hash(t)) AS VARCHAR) AS h FROM canon.hostile t');

sampled('a file that was cut at any 64th byte is rejected, and the table stays whole', async () => {
  const bus = makeTestBus();
  const whole = readFileSync(await produceRich(bus));
  const daemon = await spawnDaemon(bus);
  await (await submit(bus, { runId: 'whole', parquetPath: await produceRich(bus), schemaHint: hint })).settled();
  const before = await readWhole(bus);
  const cut = new Map<string, Uint8Array>();
  for (let bytes = 0; bytes < whole.length; bytes += 64) cut.set(`cut-${bytes}`, whole.subarray(0, bytes));
  expect(cut.size).toBeGreaterThan(60);
  await submitAll(bus, cut);
  expect(readdirSync(bus.layout.rejected).sort()).toEqual([...cut.keys()].sort());
  const [row] = await query(
    bus,
    `SELECT list(DISTINCT reject_code) AS codes FROM catalog.jobs_f WHERE status = 'rejected'`,
  );
  expect(row?.codes).toEqual(['NOT_PARQUET']);
  expect(await readWhole(bus)).toEqual(before);
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
});

test(`${variants} files with random bytes in their footers end as something, harm nobody, and cost no memory`, {
  timeout: 120_000 + variants * 100,
  tags: ['campaign'],
}, async () => {
  console.log(`seed ${seed}`);
  const bus = makeTestBus();
  const whole = readFileSync(await produceRich(bus));
  const footer = whole.readUInt32LE(whole.length - 8);
  const random = randomBelow(seed);
  const broken = new Map<string, Uint8Array>();
  for (let variant = 0; variant < variants; variant++) {
    const bytes = Buffer.from(whole);
    for (let change = 0; change <= random(4); change++) bytes[whole.length - 8 - 1 - random(footer)] = random(256);
    broken.set(`broken-${variant}`, bytes);
  }
  const daemon = await spawnDaemon(bus);
  await (await submit(bus, { runId: 'first', parquetPath: await produceRich(bus), schemaHint: hint })).settled();
  const others = submit(bus, { runId: 'good', parquetPath: await produceRich(bus), schemaHint: hint });
  await submitAll(bus, broken);
  expect((await (await others).settled()).status).toBe('ingested');
  expect(endStates(bus).filter(name => name.startsWith('broken-')).length).toBe(variants);
  // Every accepted file can be read, whatever its values.
  const [row] = await readWhole(bus);
  expect(Number(row?.n)).toBeGreaterThanOrEqual(600);
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1]) / 1024;
  console.log(`${readdirSync(bus.layout.rejected).length} rejected, the daemon took ${Math.round(peak)} MB at most`);
  expect(peak).toBeLessThan(600);
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  await drain(bus);
});
