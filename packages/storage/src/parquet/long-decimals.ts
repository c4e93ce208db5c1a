import { isNarrowed } from '@quantbot/infra/bus';
import { hasValue, type ValueQuestion } from './values-of-file.js';

/** One question for each number of digits: DuckDB narrows only such integers. */
const questions: readonly ValueQuestion[] = Array.from({ length: 9 }, (_, i) => {
  const digits = i + 1;
  return {
    isAbout: leaf => leaf.precision === digits && isNarrowed(leaf),
    holds: value => value >= 10 ** digits || value <= -(10 ** digits),
  };
});

/**
 * Finds columns with a DECIMAL that has more digits than its type. DuckDB keeps only the lower bits
 * of some, so another reader checks them. DuckDB itself writes none.
 *
 * @returns the names of these columns.
 */
export async function findLongDecimals(paths: readonly string[], columns: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const path of columns.length === 0 ? [] : paths)
    for (const column of columns)
      if (!found.has(column) && (await hasValue(path, column, questions, isDuckDb))) found.add(column);
  return [...found];
}

const isDuckDb = (writer: string): boolean => writer.startsWith('DuckDB version ');
