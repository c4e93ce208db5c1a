import type { DeclaredColumn } from '@quantbot/bus-format';
import type { ExactQuestion } from '@quantbot/bus-format/canon';
import type { ValueFindings, ValueRules } from './quality.js';

/** Values of a column that the bus's own Parquet files would not preserve. */
export interface RefusedValues {
  column: string;
  /** In words. */
  values: string;
  /** SQL that is true for them. */
  condition: string;
}

/** DuckDB's reading of a shared schema. */
export interface DescribedFiles {
  columns: DeclaredColumn[];
  /** Sentences about columns whose values a table would not receive or keep. */
  lost: string[];
  /**
   * Values that a table could not keep, because the files of compaction would not preserve them.
   */
  refused: RefusedValues[];
  /**
   * Whether the result holds for every file with this schema. Otherwise each file must be checked.
   */
  isCertain: boolean;
}

/** A file to decode, with the number of rows in its footer. */
export interface FileToDecode {
  path: string;
  rows: number;
  /** Its size. */
  bytes: number;
}

/** Reads every value of files with one schema. */
export interface DecodeTask {
  task: 'decode';
  files: FileToDecode[];
  /**
   * Their columns, which are read by name as in the table's view. By default as DuckDB finds them.
   */
  columns?: readonly DeclaredColumn[];
  /** Returns the columns as DuckDB finds them, and reads the files with those. */
  describe?: {
    /** The columns by our own reader. */
    expected: readonly DeclaredColumn[];
    /** Whether DuckDB renames one of them. */
    hasRenamedColumns: boolean;
  };
  /** Columns that must have no NULL. */
  required: string[];
  /** Columns whose nanoseconds must be whole microseconds. */
  nanosecondColumns?: readonly string[];
  /** Columns whose numbers have no more digits than their type, or whose times lie in a day. */
  narrowedColumns?: readonly string[];
  /** Forbidden values. */
  refused?: readonly RefusedValues[];
  /** Types that may hold each value of a column whose own type is another. */
  questions?: readonly ExactQuestion[];
  /** Rules of the table about the values of each file. */
  quality?: ValueRules;
  /** DuckDB's memory limit. */
  memoryMb: number;
}

/**
 * The problem with the files of a {@link DecodeTask}: they cannot be read (because of a column, if
 * one is known), DuckDB alone can read them, these columns have NULLs, or these columns would not
 * keep the file's values.
 */
export type DecodeProblem =
  | { unreadable: string; column?: string | undefined }
  | { unsupported: string }
  | { nulls: string[] }
  | { unfaithful: string[] };

/** All values of the files could be read. */
export interface Decoded {
  /** The result of `describe`. */
  decoded: DescribedFiles | undefined;
  answers: ExactAnswer[];
  /** Files that break rules of `quality`, or have columns that must be fresh. */
  values: ValueFindings[];
}

/** The answer to an {@link ExactQuestion}. */
export interface ExactAnswer {
  column: string;
  as: string;
  /** The files with other values, each with its first. */
  misfits: { path: string; value: string }[];
}
