import { keptIntegers } from '@quantbot/infra/bus';
import { hasValue, type Leaf, type ValueQuestion } from './values-of-file.js';

/**
 * Finds columns with a DECIMAL or an integer that has more digits than its type. DuckDB keeps only
 * the lower bits of some, so another reader checks them.
 *
 * @returns the names of these columns.
 */
export async function findNarrowed(paths: readonly string[], columns: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const path of columns.length === 0 ? [] : paths)
    for (const column of columns)
      if (!found.has(column) && (await hasValue(path, column, questionsAbout))) found.add(column);
  return [...found];
}

/** Returns one question for each range of integers that DuckDB keeps. */
function questionsAbout(leaves: readonly Leaf[], writer: string): ValueQuestion[] {
  const byRange = new Map<string, ValueQuestion>();
  for (const leaf of leaves) {
    const range = mayHaveMore(leaf, writer) ? keptIntegers(leaf) : undefined;
    if (range === undefined) continue;
    const isAbout = (other: Leaf) => String(keptIntegers(other)) === String(range);
    byRange.set(String(range), { isAbout, holds: value => value < range[0] || value > range[1] });
  }
  return [...byRange.values()];
}

/** These writers write integers of the type's own length, and DuckDB checks the digits, too. */
const mayHaveMore = ({ converted_type }: Leaf, writer: string): boolean =>
  !/^(DuckDB version|parquet-cpp-arrow version|parquet-rs version|Polars)\b/.test(writer) ||
  (converted_type === 'DECIMAL' && !writer.startsWith('DuckDB'));
