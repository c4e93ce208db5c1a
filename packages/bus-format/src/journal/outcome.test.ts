import { receiptSchema, rejectCodes, rejectReasonSchema } from '@quantbot/infra';
import { busError, busLayout } from '@quantbot/infra/bus';
import { expect, test } from 'vitest';
import { journalRow, rejectedRow } from '../testing.js';
import { isOutcomeOf, isRejection, receiptOf, rejectDetailsOf, rejectReasonOf, textOf } from './outcome.js';
import { TableNames } from './table-names.js';

const layout = busLayout('/data/bus');

test('a receipt says per artifact what became of it and where it is, and follows its schema', () => {
  const receipt = receiptOf(layout, [
    journalRow(),
    journalRow({ ordinal: 1, status: 'duplicate', artifact_key: 'k2', rel_path: 'store/x.parquet', rows: 0 }),
  ]);
  expect(receiptSchema.parse(receipt)).toEqual({
    job_id: 'job-1',
    seq: 1,
    status: 'ingested',
    run_id: 'run-1',
    producer: 'tests',
    committed_at: '2026-01-02T03:04:05.678Z',
    artifacts: [
      {
        status: 'ingested',
        key: 'run-1/tests/numbers/numbers',
        canonical_path: '/data/bus/store/tests/numbers/run-1@numbers.parquet',
        rows: 3,
        bytes: 400,
        sha256: 'a'.repeat(64),
      },
      {
        status: 'duplicate',
        key: 'k2',
        canonical_path: '/data/bus/store/x.parquet',
        rows: 0,
        bytes: 400,
        sha256: 'a'.repeat(64),
      },
    ],
  });
});

test('a job is a duplicate only when every artifact of it is', () => {
  const duplicate = journalRow({ status: 'duplicate' });
  expect(receiptOf(layout, [duplicate, duplicate]).status).toBe('duplicate');
  expect(receiptOf(layout, [duplicate, journalRow()]).status).toBe('ingested');
});

test('a receipt warns of hints that look like mistakes, once each; one without warnings is as good', () => {
  const rows = ['trades', 'canon.trades', 'trades', 'simulation.fills'].map((schema_hint, ordinal) =>
    journalRow({ ordinal, schema_hint }),
  );
  const receipt = receiptOf(layout, rows);
  expect(receiptSchema.parse(receipt).warnings).toEqual([expect.stringContaining('write canon.trades')]);
  const { warnings, ...older } = receipt;
  expect(isOutcomeOf(textOf(receipt), layout, rows)).toBe(true);
  expect(isOutcomeOf(textOf(older), layout, rows)).toBe(true);
  expect(isOutcomeOf(textOf({ ...older, warnings: [`${warnings}!`] }), layout, rows)).toBe(false);
});

test('the hint of a type that does not fit says what to type', () => {
  const details = ['n: expected BIGINT (fixed by r1/p/k/a), found DOUBLE'];
  const reject = { reject_code: 'SCHEMA_MISMATCH' as const, reject_details: JSON.stringify(details) };
  expect(rejectReasonOf([rejectedRow(reject)]).hint).toBe(
    `${rejectCodes.SCHEMA_MISMATCH} To write the expected type: in pandas, df["n"] = df["n"].round().astype("Int64"); ` +
      'in polars, df = df.with_columns(pl.col("n").round().cast(pl.Int64)); ' +
      'in DuckDB, SELECT * REPLACE (CAST("n" AS BIGINT) AS "n"). Fractions are rounded.',
  );
  expect(rejectReasonOf([rejectedRow({ ...reject, reject_code: 'ROWS_MISMATCH' })]).hint).toBe(
    rejectCodes.ROWS_MISMATCH,
  );
});

test('a hint of its own goes with a rejection, and is none of its details', () => {
  const error = busError('SCHEMA_MISMATCH', 'There is no such table.', { details: ['hint: x'], hint: 'Declare it.' });
  const reason = (reject_details: string) =>
    rejectReasonOf([rejectedRow({ reject_code: 'SCHEMA_MISMATCH', reject_details })]);
  expect(reason(rejectDetailsOf(error))).toMatchObject({ details: ['hint: x'], hint: 'Declare it.' });
  expect(rejectDetailsOf(busError('SCHEMA_MISMATCH', 'No.', { details: ['a'] }))).toBe('["a"]');
});

test('a reason has the code, the sentence, the details and the hint that goes with the code', () => {
  const reason = rejectReasonOf([rejectedRow({ seq: 9 })]);
  expect(rejectReasonSchema.parse(reason)).toEqual({
    job_id: 'job-1',
    seq: 9,
    code: 'ROWS_MISMATCH',
    error: 'a.parquet has 3 rows; the manifest says 4.',
    details: ['one', 'two'],
    hint: rejectCodes.ROWS_MISMATCH,
    rejected_at_utc: '2026-01-02T03:04:05.678Z',
    manifest_sha256: 'b'.repeat(64),
  });
});

test('rows tell a rejection from the rest', () => {
  expect(isRejection([rejectedRow()])).toBe(true);
  expect(isRejection([journalRow(), journalRow({ status: 'duplicate' })])).toBe(false);
});

const receiptIn = (root: string): string => textOf(receiptOf(busLayout(root), [journalRow()]));

test('a receipt names the root that the bus had when it was written, also one that differs by one character', () => {
  for (const root of ['/srv/bus1', '/srv/bus2', '/srv/other'])
    expect(isOutcomeOf(receiptIn(root), busLayout('/srv/bus1'), [journalRow()]), root).toBe(true);
});

test('a receipt with a flipped bit is not the receipt, wherever the bit is', () => {
  const text = Buffer.from(receiptIn('/srv/bus1'));
  for (let at = 0; at < text.length; at++) {
    const flipped = Buffer.from(text);
    flipped[at] = (flipped[at] as number) ^ 1;
    expect(isOutcomeOf(flipped.toString(), busLayout('/srv/bus1'), [journalRow()]), `byte ${at}`).toBe(false);
  }
});

test('the receipt of an artifact with the old name of a table names the new one, as it was then', () => {
  const rows = [journalRow({ schema_hint: 'canon.alrets' })];
  const seq = rows[0]?.seq ?? 0;
  const names = TableNames.none.with({ seq: seq - 1, name: 'alerts', table: 'alrets' });
  const later = names.with({ seq: seq + 1, name: 'alarms', table: 'alrets' });
  const warnings = [
    'canon.alrets was renamed to canon.alerts, so the rows are there. Write the schema hint canon.alerts.',
  ];
  const layout = busLayout('/srv/bus1');
  for (const known of [names, later]) expect(receiptOf(layout, rows, known).warnings).toEqual(warnings);
  expect(receiptOf(layout, [journalRow({ schema_hint: 'canon.alerts' })], later).warnings).toBeUndefined();
  expect(
    receiptOf(layout, rows, TableNames.none.with({ seq, name: 'alerts', table: 'alrets' })).warnings,
  ).toBeUndefined();
  const text = textOf(receiptOf(layout, rows, names));
  expect(isOutcomeOf(text, layout, rows, later)).toBe(true);
  expect(isOutcomeOf(text.replace('Write', 'write'), layout, rows, later)).toBe(false);
});
