import { type MemoryDatabase, openMemoryDatabase, query } from '../duckdb.js';
import { identifier, literalList, schemaMap } from '../sql.js';
import type { DecodeProblem, DecodeTask } from './protocol.js';
import { nextSpillFolder } from './spill.js';

let database: Promise<MemoryDatabase> | undefined;

/** Reads every value of the files, which all have one schema. Answers what is wrong with them, or undefined. */
export async function decode({ files, columns, required, memoryMb }: DecodeTask): Promise<DecodeProblem | undefined> {
  database ??= openMemoryDatabase({ memoryMb, threads: 2, spillFolder: nextSpillFolder() });
  const { connection } = await database;
  await connection.run(`SET memory_limit = '${memoryMb}MB'`);
  const expected = files.reduce((sum, file) => sum + file.rows, 0);
  const schema = columns === undefined ? '' : `, schema = ${schemaMap(columns)}`;
  const nulls = required.map((name, index) => `, count(*) - count(${identifier(name)}) AS nulls_${index}`);
  try {
    // A hash over whole rows needs each value, so that no page stays unread. The schema is said, as the view says its own:
    // DuckDB may take a broken footer's columns for other types than we do, and then nobody could read the table.
    const [row = {}] = await query<Record<string, bigint>>(
      connection,
      `SELECT count(*) AS n, bit_xor(hash(t)) AS h${nulls.join('')} FROM read_parquet(${literalList(files.map(f => f.path))}${schema}, hive_partitioning = false) t`,
    );
    if (Number(row.n) !== expected)
      return { unreadable: `The footers claim ${expected} rows, the pages have ${row.n}.` };
    const found = required.flatMap((name, index) => {
      const count = Number(row[`nulls_${index}`]);
      return count === 0 ? [] : [`${name}: NULL in ${count} of ${row.n} rows, and every row must have a value`];
    });
    return found.length === 0 ? undefined : { nulls: found };
  } catch (error) {
    return { unreadable: (error as Error).message };
  }
}
