import { readParquet } from '@quantbot/storage';
import { type BusModel, type Moment, shownRows } from '@quantbot/tooling-testing/bus-model';

/** What answers a query: the catalog, now or as of a job. */
interface Answers {
  query(sql: string): Promise<Record<string, unknown>[]>;
}

const lists = {
  artifacts: 'SELECT seq, artifact_key, rows, forgotten_at IS NOT NULL FROM catalog.artifacts_f ORDER BY seq, ordinal',
  forgotten: 'SELECT artifact_key FROM catalog.forgotten_f ORDER BY ALL',
  lineage: 'SELECT artifact_key, input_key FROM catalog.lineage_v ORDER BY ALL',
  datasets: 'SELECT artifact_id, artifacts FROM catalog.datasets_d ORDER BY ALL',
  statuses: 'SELECT seq, status FROM catalog.jobs_f ORDER BY ALL',
};
const marks = {
  aliases: 'SELECT alias, artifact_key FROM catalog.aliases_v ORDER BY ALL',
  keeps: 'SELECT artifact_key FROM catalog.keeps_v ORDER BY ALL',
};

async function listed(catalog: Answers, queries: Record<string, string>): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const [name, sql] of Object.entries(queries))
    found[name] = (await catalog.query(sql)).map(row => Object.values(row).join(' '));
  return found;
}

/** Returns what readers see of a bus. */
export async function factsNow(catalog: Answers): Promise<object> {
  const exports: object[] = [];
  for (const { name, ok, path, error } of await catalog.query('SELECT * FROM catalog.exports_d')) {
    const rows = await readParquet(String(path));
    exports.push({ name, ok, error, ids: idsOf(rows) });
  }
  return { ...(await listed(catalog, { ...lists, ...marks })), ...(await tableIn(catalog)), exports };
}

/** Returns what a model says that readers see. */
export function wantedNow({ artifacts, moments }: BusModel): object {
  const now = moments.at(-1) as Moment;
  const counts = ['a', 'b'].map(id => `${id} ${artifacts.filter(({ key }) => key.endsWith(`/${id}`)).length}`);
  return {
    artifacts: artifacts.map(({ seq, key, rows, state }) => `${seq} ${key} ${rows?.length ?? 2} ${state !== 'there'}`),
    forgotten: artifacts.flatMap(({ key, state }) => (state === 'there' ? [] : [key])).sort(),
    lineage: artifacts.flatMap(({ key, inputs }) => inputs.map(input => `${key} ${input}`)).sort(),
    datasets: counts.filter(count => !count.endsWith(' 0')),
    statuses: moments.map(({ outcome }, index) => `${index + 1} ${outcome.status}`),
    ...marksOf(now),
    ...tableOf(now),
    exports: now.artifacts.length === 0 ? [] : [{ name: now.name, ok: true, error: null, ids: idsOf(shownRows(now)) }],
  };
}

/** Returns what readers see of the past. */
export const factsThen = async (catalog: Answers, { hasTable }: { hasTable: boolean }): Promise<object> => ({
  ...(await listed(catalog, { ...marks, keys: 'SELECT artifact_key FROM catalog.artifacts_f ORDER BY seq, ordinal' })),
  ...(hasTable && (await tableIn(catalog))),
});

/** Returns what a model says that readers see as of a job. */
export function wantedThen({ artifacts, moments }: BusModel, seq: number, { hasTable }: { hasTable: boolean }): object {
  const moment = moments[seq - 1] as Moment;
  const keys = artifacts.filter(artifact => artifact.seq <= seq).map(({ key }) => key);
  return { keys, ...marksOf(moment), ...(hasTable && tableOf(moment)) };
}

const marksOf = ({ aliases, keeps }: Moment) => ({
  aliases: aliases.map(([alias, key]) => `${alias} ${key}`).sort(),
  keeps: [...keeps].sort(),
});

const idsOf = (rows: readonly Record<string, unknown>[]): string[] => rows.map(({ id }) => `${id ?? null}`).sort();

/** Returns the table, its rows, and the types of their codes. */
async function tableIn(catalog: Answers): Promise<object> {
  const tables = await catalog.query(
    'SELECT table_name AS name, mode, key, order_by, artifacts::INTEGER AS artifacts FROM catalog.tables_d',
  );
  const [table] = tables;
  if (table === undefined) return { tables };
  const columns = (await catalog.query(`DESCRIBE canon.${table.name}`)).map(({ column_name }) => column_name);
  const shown = columns.includes('code') ? '* REPLACE (CAST(code AS VARCHAR) AS code), typeof(code) AS type' : '*';
  const rows = await catalog.query(`SELECT ${shown} FROM canon.${table.name}`);
  return {
    tables,
    rows: printed(rows),
    types: [...new Set(rows.filter(({ code }) => (code ?? null) !== null).map(({ type }) => type))],
  };
}

/** Returns the table of a moment as {@link tableIn} does. */
function tableOf(moment: Moment): object {
  const { name, setting, artifacts, type } = moment;
  if (artifacts.length === 0) return { tables: [] };
  const rows = shownRows(moment);
  const types = rows.some(({ code }) => code !== null) ? [type] : [];
  return { tables: [{ name, ...setting, artifacts: artifacts.length }], rows: printed(rows), types };
}

const printed = (rows: readonly { id?: unknown; code?: unknown; x?: unknown }[]): string[] =>
  rows.map(({ id, code, x }) => `${id ?? null} ${code ?? null} ${x ?? null}`).sort();
