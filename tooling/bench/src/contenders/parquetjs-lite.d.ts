// parquetjs-lite has no types of its own; this is the part of it that is measured.
declare module 'parquetjs-lite' {
  type Row = Record<string, unknown>;
  const parquet: {
    ParquetSchema: new (fields: Record<string, { type: string }>) => object;
    ParquetReader: {
      openFile(path: string): Promise<{ getCursor(): { next(): Promise<Row | null> }; close(): Promise<void> }>;
    };
    ParquetWriter: {
      openFile(schema: object, path: string): Promise<{ appendRow(row: Row): Promise<void>; close(): Promise<void> }>;
    };
  };
  export default parquet;
}
