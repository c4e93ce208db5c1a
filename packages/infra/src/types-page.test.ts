import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { markdownTable, withGenerated } from '@quantbot/tooling-config/generated';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../test/support/folders.js';
import { converted, type Element, physical, writeSchema } from '../test/support/schema-file.js';
import { compact } from '../test/support/thrift-bytes.js';
import { readParquetFooter } from './parquet/footer.js';
import { meaningRules } from './parquet/meaning-rules.js';

const page = new URL('../../../docs/reference/type-mapping.md', import.meta.url).pathname;
const { no, struct, yes } = compact;
const int32 = { type: physical('INT32') };
const int64 = { type: physical('INT64') };

/** TIME (7) and TIMESTAMP (8) of the format's union. */
const ofTime = (id: 7 | 8, unit: number, isUtc: boolean): Buffer =>
  struct([id, struct([1, isUtc ? yes() : no()], [2, struct([unit + 1, struct()])])]);

/** The ways in which a file can declare timestamps and times of day: in words, and as bytes. */
const declaredTimes: [string, Element][] = [
  ['INT96', { name: 'x', type: physical('INT96') }],
  ...(['TIMESTAMP_MILLIS', 'TIMESTAMP_MICROS', 'TIME_MILLIS', 'TIME_MICROS'] as const).map(
    (name): [string, Element] => [
      `converted type ${name} alone`,
      { name: 'x', ...(name === 'TIME_MILLIS' ? int32 : int64), converted: converted(name) },
    ],
  ),
  ...([8, 7] as const).flatMap(id =>
    ['MILLIS', 'MICROS', 'NANOS'].flatMap((unit, number) =>
      [false, true].map((isUtc): [string, Element] => [
        `logical type ${id === 8 ? 'TIMESTAMP' : 'TIME'}(${unit}, ${isUtc ? 'UTC' : 'local'})`,
        { name: 'x', ...(id === 7 && number === 0 ? int32 : int64), logical: ofTime(id, number, isUtc) },
      ]),
    ),
  ),
];

/** The values that a canonical table keeps of each, according to the footer reader. */
async function keptTimes(): Promise<string[][]> {
  const rows: string[][] = [];
  for (const [declared, element] of declaredTimes) {
    const path = join(temporaryFolder(), 'file.parquet');
    writeSchema(path, [element]);
    const { columns, meaning } = await readParquetFooter(path);
    const type = columns[0]?.type;
    const first = type === 'TIMESTAMP_NS' ? '1677-09-22' : '290309-12-22 BC';
    const all = type?.startsWith('TIMESTAMP') ? `from ${first} on, and the infinities` : 'every value';
    const keptIfWhole = meaning.nanosecondColumns.length > 0 ? 'whole microseconds' : all;
    rows.push([declared, `\`${type}\``, meaning.faults.length > 0 ? 'nothing: refused' : keptIfWhole]);
  }
  return rows;
}

test('docs/reference/type-mapping.md has what a canonical table keeps and refuses (else: pnpm docs:types)', async () => {
  const rules = Object.values(meaningRules).map(({ inFile, read, instead }) => [inFile, read, instead]);
  const withTimes = withGenerated(
    readFileSync(page, 'utf8'),
    'packages/infra/src/parquet/footer.ts',
    markdownTable([['declared as', 'type', 'keeps'], ...(await keptTimes())]),
  );
  const whole = withGenerated(
    withTimes,
    'packages/infra/src/parquet/meaning-rules.ts',
    markdownTable([['in the file', 'DuckDB has', 'write instead'], ...rules]),
  );
  await expect(whole).toMatchFileSnapshot(page);
});
