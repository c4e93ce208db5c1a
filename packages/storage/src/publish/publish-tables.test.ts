import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initBusRoot } from '@quantbot/infra';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readParquet } from '../parquet/read-parquet.js';
import { type PublishOptions, publishTables } from './publish-tables.js';

let folder: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'quantbot-publish-'));
  await initBusRoot(join(folder, 'bus'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const jobs = () => readdirSync(join(folder, 'bus/inbox'));
const manifestOf = (job: string) => JSON.parse(readFileSync(join(folder, 'bus/inbox', job, 'manifest.json'), 'utf8'));

async function* counted(to: number) {
  for (let n = 1; n <= to; n++) yield { n };
}

const options = (): PublishOptions => ({
  runId: 'run-1',
  producer: 'market',
  kind: 'prices',
  outputDir: join(folder, 'out'),
  busRoot: join(folder, 'bus'),
  tables: [
    { artifactId: 'numbers', rows: counted(3), schema: { n: 'INTEGER' }, schemaHint: 'canon.numbers', meta: { to: 3 } },
    { artifactId: 'names', kind: 'names', rows: [], schema: { name: 'VARCHAR' } },
  ],
});

test('all tables are one job, with lineage, provenance and what is known of each', async () => {
  const published = await publishTables({
    ...options(),
    inputs: ['r/p/k/a'],
    provenance: { commit: 'abc' },
    meta: { interval: '1d' },
  });
  expect(published.files.map(({ path, rows }) => [path, rows])).toEqual([
    [join(folder, 'out/numbers.parquet'), 3],
    [join(folder, 'out/names.parquet'), 0],
  ]);
  expect(await readParquet(published.files[0]!.path)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  expect(jobs()).toEqual([published.submission?.jobId]);
  expect(manifestOf(jobs()[0]!)).toMatchObject({
    run_id: 'run-1',
    producer: 'market',
    kind: 'prices',
    inputs: ['r/p/k/a'],
    provenance: { commit: 'abc' },
    meta: { interval: '1d' },
    artifacts: [
      { artifact_id: 'numbers', rows: 3, schema_hint: 'canon.numbers', meta: { to: 3 } },
      { artifact_id: 'names', kind: 'names', rows: 0 },
    ],
  });
});

test('the same rows make the same bytes', async () => {
  const [first, second] = [await publishTables(options()), await publishTables(options())];
  expect(first.submission?.artifacts.map(({ sha256 }) => sha256)).toEqual(
    second.submission?.artifacts.map(({ sha256 }) => sha256),
  );
});

test('when the last table cannot be written, nothing was submitted', async () => {
  const { tables, ...job } = options();
  const broken = { artifactId: 'broken', rows: [{ n: 'three' }], schema: { n: 'INTEGER' } };
  await expect(publishTables({ ...job, tables: [...tables, broken] })).rejects.toMatchObject({ code: 'VALUE_INVALID' });
  expect(jobs()).toEqual([]);
});

test('without a bus the local files stay and a warning says so; requireBus makes it an error', async () => {
  const warnings: string[] = [];
  const logger = { warn: (_facts: unknown, text?: string) => void warnings.push(String(text)) } as never;
  const nowhere = { busRoot: join(folder, 'no-bus'), logger };
  const { files, submission } = await publishTables({ ...options(), ...nowhere });
  expect(submission).toBeUndefined();
  expect(await readParquet(files[0]!.path)).toHaveLength(3);
  expect(warnings).toEqual([expect.stringContaining('keeping the local files')]);
  await expect(publishTables({ ...options(), ...nowhere, requireBus: true })).rejects.toMatchObject({
    code: 'BUS_ROOT_NOT_FOUND',
  });
});
