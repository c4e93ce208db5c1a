// @module-tag campaign
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { forgetArtifacts } from '@quantbot/infra/utils';
import {
  type ParquetSource,
  type ReadOptions,
  readParquet,
  readParquetColumns,
  scanParquet,
  scanParquetColumns,
} from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { startServing } from '../support/http.js';
import { tokenFor, useToken } from '../support/http-producer.js';

const types = `
  SELECT range AS n, 9007199254740993 + range AS big, (range / 7)::DECIMAL(20, 6) AS price,
    TIMESTAMP_NS '2026-01-01 00:00:00.000000001' + to_microseconds(range) AS ns,
    TIMESTAMPTZ '2026-01-01 00:00:00.000001+01' AS tz, DATE '2026-01-01' + range::INTEGER AS day,
    CASE WHEN range % 3 = 0 THEN NULL ELSE 'text ' || range END AS text,
    {'a': [range, NULL], 'b': '\\xFF'::BLOB} AS nested, MAP {range: 'x'} AS m, md5(range::VARCHAR) AS h`;

/** A bus with an artifact, its export, and a token to read that the library sends. */
async function reading(rows: number) {
  const bus = makeTestBus({ export: { tables: { rows: {} } } });
  const { url } = await startServing(bus);
  const select = `${types} FROM range(${rows})`;
  await (await submit(bus, { runId: 'r1', artifactId: 'a', schemaHint: 'canon.rows', select })).settled();
  useToken(await tokenFor(bus, 'reader', '--read'));
  const places: Record<string, { local: string; served: string }> = {
    artifact: {
      local: join(bus.layout.store, 'tests/numbers/r1@a.parquet'),
      served: `${url}/api/v1/artifacts/r1/tests/numbers/a/file`,
    },
    export: { local: join(bus.config.export.exportDir, 'rows.parquet'), served: `${url}/exports/rows.parquet` },
  };
  await eventually(
    () => readParquet(places.export!.served, { limit: 0 }).catch(({ code }) => code as string),
    found => found !== 'FILE_NOT_FOUND',
  );
  return { bus, url, places };
}

const exact = { int64: 'bigint', timestamp: 'nanos', decimal: 'string' } as const;

const reads: [string, ReadOptions][] = [
  ['everything', exact],
  ['columns in another order', { ...exact, columns: ['nested', 'N', 'ns'] }],
  ['a condition on another column', { ...exact, columns: ['price'], where: 'text = ?', params: ['text 1999'] }],
  ['an order by another column', { columns: ['h'], orderBy: { column: 'n', direction: 'desc' }, limit: 3 }],
  ['no rows', { columns: ['n'], limit: 0 }],
];

const badReads: [string, ReadOptions][] = [
  ['a column that is missing', { columns: ['n', 'missing'] }],
  ['a condition that is not SQL', { where: 'n >' }],
  ['a value that no number holds', { columns: ['big'] }],
  ['options that are not valid', { columns: [] }],
];

type Read = (source: ParquetSource, options: ReadOptions) => Promise<unknown>;

async function allOf<T>(batches: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

const ways: Record<string, Read> = {
  readParquet,
  readParquetColumns: (source, options) => readParquetColumns(source, { ...options, typedArrays: true }),
  scanParquet: (source, options) => allOf(scanParquet(source, { ...options, batchRows: 700 })),
  scanParquetColumns: (source, options) => allOf(scanParquetColumns(source, options)),
};

/** Returns the result of a read, or the code of its error. */
const resultOf = (read: Promise<unknown>): Promise<object> =>
  (read as Promise<object>).catch(({ name, code }) => ({ name, code }));

test('a URL and a path give the same rows, and take the same options', async () => {
  const { places } = await reading(9_000);
  expect(statSync(places.artifact!.local).size).toBeGreaterThan(500_000); // larger than the first request
  for (const [place, { local, served }] of Object.entries(places))
    for (const [title, options] of [...reads, ...badReads])
      for (const [name, read] of Object.entries(ways)) {
        const expected = await resultOf(read(local, options));
        expect('code' in expected, title).toBe(badReads.some(([bad]) => bad === title));
        expect(await resultOf(read(served, options)), `${name} of ${place}: ${title}`).toStrictEqual(expected);
      }
});

test('files and URLs are read together; what is not there or not allowed has a code and a hint', async () => {
  const { bus, url, places } = await reading(10);
  const { local, served } = places.artifact!;
  expect(await readParquet([local, served], { columns: ['n'] })).toHaveLength(20);
  const file = (path: string) => `${url}/${path}`;
  for (const [path, code] of [
    ['exports/none.parquet', 'FILE_NOT_FOUND'],
    ['api/v1/artifacts/r1/tests/numbers/none/file', 'FILE_NOT_FOUND'],
    ['exports/none.csv', 'OPTIONS_INVALID'],
  ] as const)
    await expect(readParquet(file(path)), path).rejects.toMatchObject({ code, hint: expect.stringMatching(/.{10}/) });
  await forgetArtifacts({ keys: ['r1/tests/numbers/a'], force: true }, { busRoot: bus.layout.root });
  await eventually(
    () => resultOf(readParquet(served, { limit: 0 })),
    found => 'code' in found && found.code === 'ARTIFACT_FORGOTTEN',
  );
  useToken(undefined);
  await expect(readParquet(places.export!.served)).rejects.toMatchObject({ name: 'BusError', code: 'BUS_DENIED' });
});
