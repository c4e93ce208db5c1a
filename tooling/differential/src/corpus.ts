import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ExpectedColumn, named } from './canonical.js';
import type { Case } from './report.js';

/** A case with its table, and what its columns were meant to be. */
export interface Subject {
  case: Case;
  path: string;
  /** Its table in `canon`. */
  table: string;
  columns: ExpectedColumn[];
  /** Where it lies in the store, once it is committed. */
  stored?: string;
}

interface Described {
  columns?: ExpectedColumn[];
  error?: string;
}

/** What pyarrow has read in a file. @throws Error what it said. */
export function describedColumns(path: string): ExpectedColumn[] {
  const { columns, error } = JSON.parse(readFileSync(`${path}.values.json`, 'utf8')) as Described;
  if (columns === undefined) throw new Error(error);
  return columns;
}

/** The cases that pyarrow can read, each with a table of its own; `unreadable` gets the others. */
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
