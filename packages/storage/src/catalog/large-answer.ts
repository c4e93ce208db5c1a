import { askServer, readingFrom } from '@quantbot/infra/bus';
import { type LocalCopy, makeCopy } from '../duckdb/local-copy.js';
import { withMemoryConnection } from '../duckdb/memory-instance.js';
import { runForRows } from '../duckdb/run.js';
import { selectOfAnswer } from '../types/answer-file.js';
import type { Row, TypeMapping } from '../types/mapping.js';

/** An answer of gigabytes takes long. A server that falls silent ends it earlier. */
const answerMs = 24 * 3_600_000;

/** A query for a server of a daemon. */
export interface LargeQuestion {
  /** The JSON text of the query. */
  body: string;
  mapping: Required<TypeMapping>;
  signal: AbortSignal | undefined;
}

/**
 * Returns the rows of a query as the server streams them: through a temporary file, with DuckDB.
 *
 * @throws ServerError; StorageError `READ_FAILED`, `VALUE_UNREPRESENTABLE`.
 */
export async function largeAnswer(root: string, { body, mapping, signal }: LargeQuestion): Promise<Row[]> {
  const copy = await makeCopy(`the answer of ${root}`);
  try {
    await readingFrom(root, () => fetchInto(copy, root, body, signal), { signal });
    return await withMemoryConnection(async connection =>
      runForRows(connection, { sql: await selectOfAnswer(connection, copy.path), mapping, signal }),
    );
  } finally {
    await copy.close();
  }
}

async function fetchInto(
  { handle }: LocalCopy,
  root: string,
  question: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const headers = { 'Content-Type': 'application/json' };
  const body = new TextEncoder().encode(question);
  const answer = await askServer(root, {
    method: 'POST',
    path: '/api/v1/rows.parquet',
    headers,
    body,
    signal,
    answerMs,
  });
  await handle.truncate(0);
  let size = 0;
  for await (const bytes of answer.body ?? []) {
    await handle.write(bytes, 0, bytes.length, size);
    size += bytes.length;
  }
  if (size !== Number(answer.headers.get('content-length'))) throw new TypeError('the answer was cut off');
}
