import { JsonError, parseJsonStrictly } from '@quantbot/infra/bus';
import { bindParams } from '../duckdb/bind.js';
import { distinctNames } from '../duckdb/distinct-names.js';
import { interruptible, queryErrorOn, resultDecoder } from '../duckdb/run.js';
import { storageError } from '../errors.js';
import { resolveMapping, type TypeMapping } from '../types/mapping.js';
import { decodeValue, encodeValue } from '../types/wire-values.js';
import { type Bound, namesOf } from './names-of.js';
import { assertOneSelect } from './one-select.js';
import { openSandbox, type SandboxOptions } from './open-sandbox.js';
import { withoutSemicolon } from './stream-select.js';
import { tooLongError } from './too-long.js';

/** A query and its limits. */
export interface RowsOptions extends SandboxOptions {
  /** The parameters, as the JSON text of `encodeValue`. */
  params?: string | undefined;
  mapping: TypeMapping;
  maxRows: number;
  /** Bytes of the answer. */
  maxBytes: number;
  /** Ends the query; the signal's reason is then thrown. */
  signal: AbortSignal;
}

/**
 * Runs an untrusted SELECT, and returns all its rows with exact values: the JSON text of
 * `{ names, rows }`, whose values `decodeValue` restores.
 *
 * @throws StorageError `NOT_ONE_SELECT`, `OUT_OF_REACH`, `OPTIONS_INVALID`, `READ_FAILED`,
 * `QUERY_FAILED`, `ANSWER_TOO_LARGE`; those of `openSandbox`.
 */
export async function selectRows(sql: string, options: RowsOptions): Promise<string> {
  const { params, mapping, maxRows, maxBytes, signal, ...where } = options;
  const resolved = resolveMapping(mapping);
  const bound = boundParams(params);
  const { connection, folders, close } = await openSandbox(where);
  try {
    await assertOneSelect(connection, sql, 'The query', folders);
    const names = distinctNames(await namesOf(connection, sql, bound));
    const first = `SELECT * FROM (\n${withoutSemicolon(sql)}\n) LIMIT ${maxRows + 1}`;
    const result = await interruptible(connection, signal, () => connection.run(first, bound?.values, bound?.types));
    const { columns } = resultDecoder(result, resolved, names);
    const rows: string[] = [];
    let bytes = 0;
    for (let index = 0; index < result.chunkCount; index++) {
      const chunk = result.getChunk(index);
      const values = columns(chunk);
      for (let row = 0; row < chunk.rowCount; row++) {
        const text = JSON.stringify(values.map(column => encodeValue(column[row])));
        bytes += Buffer.byteLength(text);
        if (rows.length === maxRows || bytes > maxBytes) throw tooLarge(maxRows, maxBytes);
        rows.push(text);
      }
      signal.throwIfAborted();
    }
    return `{"names":${JSON.stringify(names)},"rows":[${rows.join(',')}]}`;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw String(error).includes('Out of Memory Error') || tooLongError(error) !== undefined
      ? tooLarge(maxRows, maxBytes)
      : await queryErrorOn(connection, error);
  } finally {
    await close();
  }
}

/**
 * Returns the parameters of a query from their JSON text.
 *
 * @throws StorageError `OPTIONS_INVALID`.
 */
export const boundParams = (params: string | undefined): Bound =>
  params === undefined ? undefined : bindParams(paramsIn(params));

/** More than values have, which `decodeValue` counts. */
const maxDepth = 256;

function paramsIn(text: string): Parameters<typeof bindParams>[0] {
  let json: unknown;
  try {
    json = parseJsonStrictly(Buffer.from(text), maxDepth);
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    throw storageError('OPTIONS_INVALID', `The text of the parameters ${cause.message}.`, { cause });
  }
  const params = decodeValue(json);
  if (typeof params !== 'object' || params === null)
    throw storageError('OPTIONS_INVALID', 'The parameters are neither a list nor an object.');
  return params as Parameters<typeof bindParams>[0];
}

const tooLarge = (maxRows: number, maxBytes: number) =>
  storageError('ANSWER_TOO_LARGE', `The answer has more than ${maxRows} rows, or ${maxBytes / 2 ** 20} MiB.`);
