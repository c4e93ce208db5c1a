import { keptIntegers, meaningRules } from '@quantbot/infra/bus';
import { findValue, type Leaf, type ValueQuestion } from './values-of-file.js';

/** A column with a value of which DuckDB makes another. */
export interface NarrowedColumn {
  /** Its name by DuckDB. */
  column: string;
  /** The end of a sentence about the column. */
  problem: string;
  /** What to write instead. */
  instead: string;
}

/**
 * Finds columns with a DECIMAL or an integer that has more digits than its type, or with a time in
 * UTC outside of a day. DuckDB keeps only the lower bits of some, or the time within a day, so
 * another reader checks them.
 */
export async function findNarrowed(paths: readonly string[], columns: readonly string[]): Promise<NarrowedColumn[]> {
  const found = new Map<string, NarrowedColumn>();
  for (const path of columns.length === 0 ? [] : paths)
    for (const column of columns) {
      const question = found.has(column) ? undefined : await findValue(path, column, questionsAbout);
      if (question !== undefined) found.set(column, { column, ...problems[question.rule] });
    }
  return [...found.values()];
}

const problems = {
  digits: {
    problem: 'has a value of more digits than its type, of which DuckDB keeps some bits',
    instead: meaningRules.digits.instead,
  },
  times: {
    problem: 'has a time that is not within a day, which DuckDB reads as another time',
    instead: meaningRules.times.instead,
  },
};

type NarrowedQuestion = ValueQuestion & { rule: keyof typeof problems };

/** Returns one question for each range of integers that DuckDB keeps. */
function questionsAbout(leaves: readonly Leaf[], writer: string): NarrowedQuestion[] {
  const byRange = new Map<string, NarrowedQuestion>();
  for (const leaf of leaves) {
    const range = mayHaveMore(leaf, writer) ? keptIntegers(leaf) : undefined;
    if (range === undefined) continue;
    const isAbout = (other: Leaf) => String(keptIntegers(other)) === String(range);
    const rule = isTime(leaf) ? 'times' : 'digits';
    byRange.set(String(range), { isAbout, holds: value => value < range[0] || value > range[1], rule });
  }
  return [...byRange.values()];
}

/**
 * These writers write integers of the type's own length. DuckDB checks the digits, too, and has no
 * time outside of a day in UTC.
 */
const mayHaveMore = (leaf: Leaf, writer: string): boolean =>
  !/^(DuckDB version|parquet-cpp-arrow version|parquet-rs version|Polars)\b/.test(writer) ||
  ((leaf.converted_type === 'DECIMAL' || isTime(leaf)) && !writer.startsWith('DuckDB'));

const isTime = ({ logical_type }: Leaf): boolean => logical_type?.type === 'TIME';
