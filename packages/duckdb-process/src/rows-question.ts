import type { TypeMapping } from '@quantbot/storage';

/** A SELECT with parameters. */
export interface RowsQuestion {
  sql: string;
  /** The JSON text of `encodeValue`. */
  params?: string | undefined;
  /** As of the job with this seq. */
  asOf?: number | undefined;
  mapping: TypeMapping;
}
