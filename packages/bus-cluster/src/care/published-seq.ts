import { openCatalog } from '@quantbot/storage';

/** The last seq that readers of a cluster see. */
export async function publishedSeq(config: string | undefined): Promise<number> {
  await using catalog = await openCatalog(config === undefined ? {} : { config });
  const [row] = await catalog.query('SELECT max(seq) AS seq FROM catalog.jobs_f');
  return Number(row?.seq ?? 0);
}
