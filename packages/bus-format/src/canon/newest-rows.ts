import { identifier } from '../sql.js';
import type { CanonTable } from './table.js';

/**
 * The rows that a table shows, of all rows that came: a SELECT over one that has the table's
 * columns and those of `originColumns`. Doing it twice, or to parts first and then to their union,
 * gives the same rows, so compacted files need not keep what is superseded.
 *
 * @param newestSeq the seq of the newest job of the table, as SQL (for `latest`: that job may have
 * brought no row).
 */
export function newestRows({ mode }: CanonTable, allRows: string, newestSeq: string): string {
  switch (mode.mode) {
    case 'append':
      return allRows;
    case 'latest':
      return `SELECT * FROM (${allRows}) WHERE _seq = ${newestSeq}`;
    case 'upsert': {
      const newestFirst = [
        ...mode.orderBy.map(name => `${identifier(name)} DESC NULLS LAST`),
        '_seq DESC, _ordinal DESC, _row DESC',
      ];
      return `SELECT * FROM (${allRows}) QUALIFY row_number() OVER (PARTITION BY ${mode.key.map(identifier).join(', ')} ORDER BY ${newestFirst.join(', ')}) = 1`;
    }
  }
}
