// parquetjs-lite has no types of its own; this is the part of it that the small writer uses.
declare module 'parquetjs-lite' {
  class ParquetSchema {
    constructor(fields: Record<string, { type: string; optional: boolean; compression: string; statistics: boolean }>);
  }
  /** The part of a Writable that is used: each callback is called once the bytes are written. */
  interface ByteSink {
    write(bytes: Uint8Array, done: (error?: Error) => void): void;
    end(done: (error?: Error) => void): void;
  }
  class ParquetWriter {
    static openStream(
      schema: ParquetSchema,
      sink: ByteSink,
      options?: { useDataPageV2?: boolean },
    ): Promise<ParquetWriter>;
    static openFile(schema: ParquetSchema, path: string, options?: { useDataPageV2?: boolean }): Promise<ParquetWriter>;
    appendRow(row: Record<string, unknown>): Promise<void>;
    close(): Promise<void>;
    setRowGroupSize(rows: number): void;
  }
  // CommonJS: only the default import carries the members.
  const parquet: { ParquetSchema: typeof ParquetSchema; ParquetWriter: typeof ParquetWriter };

  export type { ByteSink };
  export default parquet;
}
