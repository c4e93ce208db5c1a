import type { ParquetFooter } from '@quantbot/infra';
import { foldName } from '@quantbot/infra/bus';
import type { S3Options } from '@quantbot/infra/objects';
import { storageError } from '../errors.js';
import { findLostDay, findNanoseconds, findWrongMillisecond, momentType } from './nanoseconds.js';
import { findNarrowed } from './narrowed.js';
import { PinnedFiles } from './pinned-files.js';
import type { CheckedOptions } from './read-options.js';

interface FileToRead {
  path: string;
  /** The path that DuckDB reads. */
  readPath: string;
  footer: ParquetFooter;
}

/**
 * Checks that DuckDB preserves the values of the columns that are read. Some Parquet types exceed
 * DuckDB's.
 *
 * DuckDB cuts nanoseconds with a time zone, and INT96, to microseconds. Such a column can always be
 * read as `Date`, which has milliseconds, unless DuckDB's rounding gives another millisecond before
 * 1970. If it is compared, sorted by, or read with more digits, its values are checked first.
 *
 * @throws StorageError `TYPE_UNSUPPORTED` for the first column that loses something.
 */
export async function checkMeaning(files: readonly FileToRead[], options: CheckedOptions): Promise<void> {
  for (const { path, readPath, footer } of files) {
    const { faults, nanosecondColumns, narrowedColumns } = footer.meaning;
    const fault = faults.find(({ keepsValues, column }) => !keepsValues && isUsed(column, options));
    if (fault !== undefined)
      throw unsupported(`${fault.path} in ${path} ${fault.problem}`, `Write ${fault.hint} instead.`);
    const narrowed = narrowedColumns.filter(column => isUsed(column, options));
    const [long] = await findNarrowed([readPath], narrowed);
    if (long !== undefined) throw unsupported(`${long.column} in ${path} ${long.problem}`, `Write ${long.instead}.`);
    const used = nanosecondColumns.filter(column => isUsed(column, options));
    const fine =
      used.find(column => hasTime(footer, column)) ??
      (
        await findNanoseconds(
          [readPath],
          used.filter(column => !isOnlyShown(column, options)),
        )
      )[0];
    if (fine !== undefined)
      throw unsupported(
        `${fine} in ${path} has nanoseconds, of which DuckDB keeps microseconds`,
        "Read it with timestamp: 'date', not in where or orderBy; or write it without a time zone (not as INT96), or in microseconds.",
      );
    const shown = used.filter(column => isOnlyShown(column, options));
    const lost = await findLostDay(readPath, shown);
    if (lost !== undefined)
      throw unsupported(`${lost} in ${path} has a day that DuckDB does not have`, 'Write it as INT64, not as INT96.');
    const moments = footer.columns.filter(({ name, type }) => type.includes(momentType) && shown.includes(name));
    const wrong = await findWrongMillisecond(readPath, moments);
    if (wrong !== undefined)
      throw unsupported(
        `${wrong} in ${path} has nanoseconds before 1970, of which DuckDB gives another millisecond`,
        'Write it without a time zone, or in microseconds.',
      );
  }
}

/**
 * Checks that DuckDB preserves every value of a file. Of an object, it fetches only the footer, and
 * columns of types that can lose something.
 *
 * @param path an absolute path, or the `s3://` URL of an object.
 * @param options.s3 how to reach the object.
 * @throws StorageError `TYPE_UNSUPPORTED` for the first column that loses something; others as
 * `readParquet`.
 */
export async function mustKeepValues(
  path: string,
  { s3, signal }: { s3?: S3Options | undefined; signal?: AbortSignal } = {},
): Promise<void> {
  const files = await PinnedFiles.open([path], { byName: false, signal, s3 });
  try {
    await files.fetch(
      files.footers.flatMap(({ footer }) => [...footer.meaning.nanosecondColumns, ...footer.meaning.narrowedColumns]),
    );
    await checkMeaning(files.footers, everyDigit);
  } finally {
    await files.close();
  }
}

const everyDigit: CheckedOptions = {
  columns: undefined,
  where: undefined,
  params: undefined,
  orderBy: [],
  limit: undefined,
  hivePartitioning: false,
  timestamp: 'nanos',
};

const isNamed = (column: string, names: readonly string[]): boolean =>
  names.some(name => foldName(name) === foldName(column));

const isMentioned = (column: string, { where }: CheckedOptions): boolean =>
  where !== undefined && foldName(where).includes(foldName(column));

const isCompared = (column: string, options: CheckedOptions): boolean =>
  isMentioned(column, options) ||
  isNamed(
    column,
    options.orderBy.map(by => by.column),
  );

const isUsed = (column: string, options: CheckedOptions): boolean =>
  options.columns === undefined || isNamed(column, options.columns) || isCompared(column, options);

const isOnlyShown = (column: string, options: CheckedOptions): boolean =>
  options.timestamp === 'date' && !isCompared(column, options);

/** A time of day is always read as text with all its digits. */
const hasTime = ({ columns }: ParquetFooter, column: string): boolean =>
  columns.some(({ name, type }) => isNamed(name, [column]) && /\bTIME WITH TIME ZONE/.test(type));

const unsupported = (what: string, hint: string) => storageError('TYPE_UNSUPPORTED', `The column ${what}.`, { hint });
