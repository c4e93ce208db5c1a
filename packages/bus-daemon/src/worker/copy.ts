import { openMemoryDatabase, query } from '../duckdb.js';
import { literal, literalList } from '../sql.js';
import type { CopyResult, CopyTask } from './protocol.js';

/** Writes the result of a SELECT as Parquet (zstd). Not flushed: that is the daemon's to do before anything refers to it. */
export async function copyToParquet(task: CopyTask): Promise<CopyResult> {
  const database = await openMemoryDatabase({ memoryMb: task.memoryMb, threads: 2 });
  const { connection } = database;
  try {
    await connection.run(`SET temp_directory = ${literal(task.tempFolder)}`);
    await connection.run(`SET TimeZone = 'UTC'`);
    for (const statement of task.setup) await connection.run(statement);
    if (task.untrusted) {
      await connection.run(`SET allowed_paths = ${literalList([task.path])}`);
      await connection.run(`SET allowed_directories = ${literalList(task.readable)}`);
      await connection.run('SET enable_external_access = false');
      await connection.run('SET lock_configuration = true');
    }
    const [row] = await query<{ Count: bigint }>(
      connection,
      `COPY (${task.sql}\n) TO ${literal(task.path)} (FORMAT parquet, COMPRESSION zstd)`,
    );
    return { rows: Number(row?.Count ?? 0) };
  } finally {
    database.close();
  }
}
