import { readParquet } from '@quantbot/storage';

/** Whether Parquet files with at least one row have a column. */
export async function hasColumn(source: string | readonly string[], name: string): Promise<boolean> {
  const [first] = await readParquet(source, { limit: 1 });
  return first !== undefined && Object.hasOwn(first, name);
}
