import { openCatalog, readParquet } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { expect, onTestFinished } from 'vitest';
import type { World } from './world.js';

export async function catalogOf({ config }: World) {
  const catalog = await openCatalog({ config });
  onTestFinished(() => catalog.close());
  return catalog;
}

type Catalog = Awaited<ReturnType<typeof catalogOf>>;

export const runsIn = async (catalog: Pick<Catalog, 'query'>, table = 'log') =>
  (await catalog.query(`SELECT run FROM canon.${table} ORDER BY run`)).map(({ run }) => run);

/** Waits until readers see these runs. */
export async function mustShow(world: World, wanted: string[], table = 'log') {
  // On one machine, a table is hidden while its files follow its mode.
  const look = async () => runsIn(await catalogOf(world), table).catch(() => []);
  const isSo = (found: unknown[]) => JSON.stringify(found) === JSON.stringify(wanted);
  expect(await eventually(look, isSo)).toEqual(wanted);
}

/** Returns the rows of those canonical tables that exist, now or as of a job. */
async function tablesOf(world: World, names: string[], seq?: number): Promise<Record<string, unknown[]>> {
  const catalog = await catalogOf(world);
  const past = seq === undefined ? catalog : await catalog.asOf(seq);
  onTestFinished(() => past.close());
  const found: Record<string, unknown[]> = {};
  const listed = await past.query('SELECT table_name, artifacts FROM catalog.tables_d ORDER BY table_name');
  for (const { table_name, artifacts } of listed) {
    const name = String(table_name);
    if (!names.includes(name)) continue;
    found[name] = await runsIn(past, name);
    expect(Number(artifacts), `artifacts of ${name} as of ${seq}`).toBe(found[name].length);
  }
  return found;
}

/** Waits until these tables are as wanted: on one machine, their files follow an operation. */
export async function mustBe(world: World, names: string[], wanted: Record<string, unknown[]>, seq?: number) {
  const isSo = (found: object | undefined) => JSON.stringify(found) === JSON.stringify(wanted);
  expect(await eventually(() => tablesOf(world, names, seq).catch(() => undefined), isSo)).toEqual(wanted);
}

export async function newestSeq(world: World): Promise<number> {
  const [row] = await (await catalogOf(world)).query('SELECT max(seq) AS seq FROM catalog.jobs_f');
  return Number(row?.seq);
}

/** Waits until the export of a table has these rows; none: until there is no such export. */
export async function mustExport(world: World, table: string, wanted?: string[]) {
  const look = async () => {
    const [found] = await (await catalogOf(world)).query('SELECT path FROM catalog.exports_d WHERE name = ?', [table]);
    return found && (await readParquet(String(found.path))).map(({ run }) => run).sort();
  };
  const isSo = (found: unknown) => JSON.stringify(found) === JSON.stringify(wanted);
  expect(await eventually(() => look().catch(() => []), isSo)).toEqual(wanted);
}
