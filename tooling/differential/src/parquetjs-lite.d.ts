// parquetjs-lite has no types of its own; this is the part of it that is used here.
declare module 'parquetjs-lite' {
  class ParquetSchema {
    constructor(fields: Record<string, object>);
  }
  class ParquetWriter {
    static openFile(schema: ParquetSchema, path: string, options: { useDataPageV2: boolean }): Promise<ParquetWriter>;
    appendRow(row: Record<string, unknown>): Promise<void>;
    close(): Promise<void>;
    setRowGroupSize(rows: number): void;
  }
  // CommonJS: only the default import carries the members.
  const parquet: { ParquetSchema: typeof ParquetSchema; ParquetWriter: typeof ParquetWriter };
  export default parquet;
}
