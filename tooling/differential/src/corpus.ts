import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ExpectedColumn, named } from './canonical.js';
import type { Case } from './report.js';

/** A case with its table and its intended columns. */
export interface Subject {
  case: Case;
  path: string;
  /** Its table in `canon`. */
  table: string;
  columns: ExpectedColumn[];
  /** Its path in the store, once it is committed. */
  stored?: string;
}

interface Described {
  columns?: ExpectedColumn[];
  error?: string;
}

/** Returns the columns that pyarrow has read from a file. @throws Error with pyarrow's message. */
export function describedColumns(path: string): ExpectedColumn[] {
  const { columns, error } = JSON.parse(readFileSync(`${path}.values.json`, 'utf8')) as Described;
  if (columns === undefined) throw new Error(error);
  return columns;
}

/**
 * Returns the cases that pyarrow can read, each with its own table. Passes the others to
 * `unreadable`.
 */
export function subjectsOf(folder: string, cases: readonly Case[], unreadable: (text: string) => void): Subject[] {
  return cases.flatMap((found, index) => {
    const path = join(folder, found.file);
    try {
      return [{ case: found, path, table: `d${index}`, columns: named(describedColumns(path)) }];
    } catch (error) {
      unreadable(`${found.file}: ${(error as Error).message}`);
      return [];
    }
  });
}
