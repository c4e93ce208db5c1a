import { type DuckDBType, DuckDBTypeId } from '@duckdb/node-api';
import { identifier } from '@quantbot/bus-format';
import { meaningRules } from '@quantbot/infra/bus';
import { fileColumnOf, typesIn, whereAnyPart } from '@quantbot/storage/sandbox';
import type { RefusedValues } from './decode-task.js';

/**
 * Returns columns that no table can keep, and the values of others that it cannot. Compaction
 * rewrites every row, so a table can hold only values that the bus's own files preserve.
 */
export function whatCannotBeKept(types: readonly DuckDBType[], names: readonly string[]) {
  const unwritable: string[] = [];
  const refused: RefusedValues[] = [];
  for (const [i, type] of types.entries()) {
    const column = names[i] as string;
    refused.push(...beyondDuckDb(column, type));
    const written = fileColumnOf(type);
    if (!('isCast' in written)) unwritable.push(`${column}: is a ${type}, which cannot be written to Parquet again`);
    else if (written.refused !== undefined)
      refused.push({
        column,
        values: `${written.refused.values} (compaction cannot write it again)`,
        condition: written.refused.are(identifier(column)),
      });
  }
  return { unwritable, refused };
}

/** Values of a type that DuckDB reads from a file and does not hold like others. */
type Beyond = { values: string; are: (value: string) => string };

/** Returns the values of a column, or of what is nested in it, that DuckDB does not really hold. */
function beyondDuckDb(column: string, type: DuckDBType): RefusedValues[] {
  const reasons = new Set(typesIn(type).flatMap(part => beyond(part)?.values ?? []));
  return [...reasons].flatMap(values => {
    const are = whereAnyPart(type, part => {
      const found = beyond(part);
      return found?.values === values ? found.are : undefined;
    });
    return are === undefined ? [] : [{ column, values, condition: are(identifier(column)) }];
  });
}

const beyond = (type: DuckDBType): Beyond | undefined =>
  type.typeId === DuckDBTypeId.MAP ? nullKeys : (beforeFirst[type.toString()] ?? beyondDigits(type.toString()));

/** DuckDB can read such a MAP from a file, but no Parquet file of its own can have one. */
const nullKeys: Beyond = {
  values: 'a MAP with a key that is NULL, which Parquet does not allow',
  are: value => `(list_aggregate(map_keys(${value}), 'count') < cardinality(${value}))`,
};

/**
 * By type, the values before the first that DuckDB prints, or takes as text. It reads earlier ones,
 * but ends each query that prints one with an error, and DuckLake each query of the table. The
 * smallest number but one stands for -infinity.
 */
const beforeFirst: Readonly<Record<string, Beyond>> = {
  DATE: {
    values: 'a date before 5877642-06-25 BC, whose own text DuckDB does not take',
    are: value => `(${value} < DATE '5877642-06-25 (BC)' AND isfinite(${value}))`,
  },
  TIMESTAMP_NS: earlierThan('1677-09-22', 'epoch_ns', -9_223_286_400_000_000_000n),
  TIMESTAMP: earlierThan('290309-12-22 BC', 'epoch_us', -9_223_372_022_400_000_000n),
  'TIMESTAMP WITH TIME ZONE': earlierThan('290309-12-22 BC', 'epoch_us', -9_223_372_022_400_000_000n),
};

function earlierThan(moment: string, number: string, first: bigint): Beyond {
  return {
    values: `a moment before ${moment}, which DuckDB cannot print`,
    are: value => `(${number}(${value}) < ${first} AND ${number}(${value}) <> -9223372036854775807)`,
  };
}

/**
 * DuckDB holds a DECIMAL in an integer that fits its digits, and shows any number that is in it.
 * Reading the file finds larger ones.
 */
function beyondDigits(type: string): Beyond | undefined {
  const [, precision, scale] = /^DECIMAL\((\d+),(\d+)\)$/.exec(type)?.map(Number) ?? [];
  if (precision === undefined || scale === undefined) return undefined;
  const largest = `${'9'.repeat(precision - scale)}.${'9'.repeat(scale)}`;
  return {
    values: `a value of more digits than its type ${type}, which DuckDB may read as another; write ${meaningRules.digits.instead}`,
    are: value => `(${value} NOT BETWEEN CAST('-${largest}' AS ${type}) AND CAST('${largest}' AS ${type}))`,
  };
}
