import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BusError } from '../../src/errors.js';
import { readParquetFooter } from '../../src/parquet/footer.js';

/**
 * Reads these bytes as a file. Returns the footer, or the code of the refusal. Any other error
 * fails the test.
 */
export async function verdictOf(bytes: Uint8Array, folder: string): Promise<string> {
  const path = join(folder, 'file.parquet');
  writeFileSync(path, bytes);
  return readParquetFooter(path).then(
    ({ rows }) => `${rows} rows`,
    error => {
      if (error instanceof BusError) return error.code;
      throw error;
    },
  );
}
