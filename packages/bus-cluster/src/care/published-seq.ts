import { type Catalog, openCatalog } from '@quantbot/storage';

/** The last seq that readers of a cluster see. */
export async function publishedSeq(config: string | undefined): Promise<number> {
  await using catalog = await openCatalog({ config });
  return publishedIn(catalog);
}

/** {@link publishedSeq} in a catalog that is open. */
export async function publishedIn(catalog: Catalog): Promise<number> {
  const [row] = await catalog.query('SELECT max(seq) AS seq FROM catalog.jobs_f');
  return Number(row?.seq ?? 0);
}
