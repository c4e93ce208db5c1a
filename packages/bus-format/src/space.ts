import { TableNames } from './journal/table-names.js';
import { namesGivenBy, tableOperationOf, tableOperationsQuery } from './journal/table-operations.js';

/** Bytes of stored artifacts, and how many of them came lately. */
export interface SpaceUse {
  artifacts: number;
  bytes: number;
  /** Bytes committed in the last 24 hours. */
  lastDayBytes: number;
  /** Bytes committed in the last seven days. */
  lastWeekBytes: number;
}

/** The use of one producer, kind or canonical table. */
export interface NamedSpace extends SpaceUse {
  name: string;
}

/** Who uses the store, by the catalog. Each list has the largest, largest first. */
export interface Space {
  total: SpaceUse;
  producers: NamedSpace[];
  kinds: NamedSpace[];
  tables: NamedSpace[];
  /** The time of the first commit; null for an empty store. */
  firstCommittedAt: Date | null;
}

/** The number of producers, kinds and tables that {@link spaceSql} returns of each. */
const maxNames = 20;

/**
 * Returns the SQL that adds up the store by producer, kind and canonical table. It reads a few
 * columns of `catalog.artifacts_f`, and no file of the store. What was forgotten has no bytes.
 *
 * @param now the end of the last day and week.
 * @param names the names of the tables.
 */
export const spaceSql = (now: Date, names = TableNames.none): string => `
SELECT CASE g WHEN 3 THEN 'producers' WHEN 5 THEN 'kinds' WHEN 6 THEN 'tables' ELSE 'total' END AS part,
  coalesce(producer, kind, table_name) AS name, artifacts, bytes, last_day, last_week, first
FROM (
  SELECT grouping(producer, kind, table_name) AS g, producer, kind, table_name, count(*) AS artifacts,
    CAST(coalesce(sum(bytes), 0) AS BIGINT) AS bytes, min(committed_at) AS first,
    CAST(coalesce(sum(bytes) FILTER (committed_at > ${before(now, 1)}), 0) AS BIGINT) AS last_day,
    CAST(coalesce(sum(bytes) FILTER (committed_at > ${before(now, 7)}), 0) AS BIGINT) AS last_week
  FROM (
    SELECT producer, kind, bytes, committed_at,
      CASE WHEN schema_hint LIKE 'canon.%' THEN ${names.shownSql()} END AS table_name
    FROM catalog.artifacts_f WHERE forgotten_at IS NULL
  )
  GROUP BY GROUPING SETS ((), (producer), (kind), (table_name))
)
WHERE g = 7 OR coalesce(producer, kind, table_name) IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY g ORDER BY bytes DESC, name) <= ${maxNames}
ORDER BY g, bytes DESC, name`;

const before = (now: Date, days: number): string =>
  `TIMESTAMP '${new Date(now.getTime() - days * 86_400_000).toISOString().slice(0, -1)}'`;

/** Asks a published database for its {@link Space}. */
export async function readSpace(
  database: { query(sql: string): Promise<Readonly<Record<string, unknown>>[]> },
  now: Date,
): Promise<Space> {
  const operations = await database.query(tableOperationsQuery('_bus.journal'));
  const names = namesGivenBy(operations.map(row => tableOperationOf(row as { seq: bigint; op_json: string })));
  return spaceOf(await database.query(spaceSql(now, names)));
}

/** Returns the {@link Space} of the rows of {@link spaceSql}. */
export function spaceOf(rows: readonly Readonly<Record<string, unknown>>[]): Space {
  const uses = rows.map(row => ({
    part: String(row.part),
    name: String(row.name),
    artifacts: Number(row.artifacts),
    bytes: Number(row.bytes),
    lastDayBytes: Number(row.last_day),
    lastWeekBytes: Number(row.last_week),
    first: row.first as Date | null,
  }));
  const of = (part: string) => uses.filter(use => use.part === part).map(({ part: _, first: __, ...use }) => use);
  const [{ name: _, ...total } = { name: '', ...noSpace }] = of('total');
  return {
    total,
    producers: of('producers'),
    kinds: of('kinds'),
    tables: of('tables'),
    firstCommittedAt: uses.find(({ part }) => part === 'total')?.first ?? null,
  };
}

const noSpace: SpaceUse = { artifacts: 0, bytes: 0, lastDayBytes: 0, lastWeekBytes: 0 };

/**
 * Returns the bytes that a store grows by in a day, from its last week; undefined if it has grown
 * for less than a day, so that nothing can be said.
 */
export function dailyGrowth({ total, firstCommittedAt }: Space, now: Date): number | undefined {
  const days = firstCommittedAt === null ? 0 : (now.getTime() - firstCommittedAt.getTime()) / 86_400_000;
  return days < 1 ? undefined : total.lastWeekBytes / Math.min(days, 7);
}
