import { type DeclaredColumn, foreignSchema, identifier, literalList, selectList } from '../sql.js';

/** A canonical table as readers see it. */
export interface ShownTable {
  /** The view, quoted for SQL. */
  view: string;
  /** The columns that identify a row. Empty for a mode without a key. */
  key: readonly DeclaredColumn[];
  /** Counts the rows of a FROM clause. */
  count(from: string): Promise<number>;
}

/** The artifacts of a canonical table, as verification found them. */
export interface TableArtifacts {
  /** The rows of all artifacts together. */
  rows: number;
  /** The newest job of the table, and its number of rows. */
  newest: { seq: number; rows: number };
  /** Paths of the files whose bytes match the journal. */
  sound: string[];
  /** Whether a file is missing or damaged. */
  isHurt: boolean;
}

/** Expects each row of each artifact. */
export async function allRows(
  { view, count }: ShownTable,
  artifacts: TableArtifacts,
  lastSeq: number,
): Promise<string | undefined> {
  const rows = await count(`FROM ${view} WHERE _seq <= ${lastSeq}`);
  return rows === artifacts.rows ? undefined : `${view} has ${rows} rows, its artifacts have ${artifacts.rows}`;
}

/** Expects each row of the newest job, and no other. */
export async function newestJob(
  { view, count }: ShownTable,
  { newest: { seq, rows } }: TableArtifacts,
  lastSeq: number,
): Promise<string | undefined> {
  if ((await count(`FROM ${view} WHERE _seq > ${lastSeq}`)) > 0) return undefined; // a newer job replaced it
  const found = await count(`FROM ${view} WHERE _seq = ${seq}`);
  const older = await count(`FROM ${view} WHERE _seq < ${seq}`);
  return found === rows && older === 0
    ? undefined
    : `${view} has ${found + older} rows, its newest job (seq ${seq}) brought ${rows}`;
}

/**
 * Expects each key of the artifacts once, and no other key. Commits that follow never hide a key.
 */
export async function eachKeyOnce(
  { view, key, count }: ShownTable,
  { sound, isHurt }: TableArtifacts,
  lastSeq: number,
): Promise<string | undefined> {
  const names = selectList(key);
  // A table that became an upsert table may have rows without a key. They have one key in common.
  const isSame = key
    .map(({ name }) => identifier(name))
    .map(name => `a.${name} IS NOT DISTINCT FROM b.${name}`)
    .join(' AND ');
  const came =
    sound.length === 0
      ? `(SELECT ${names} FROM ${view} WHERE false)`
      : `(SELECT DISTINCT ${names} FROM read_parquet(${literalList(sound)}, schema = ${foreignSchema(key)}))`;
  const twice = await count(`FROM (SELECT ${names} FROM ${view} GROUP BY ${names} HAVING count(*) > 1)`);
  if (twice > 0) return `${view} shows ${twice} keys more than once`;
  const lost = await count(`FROM ${came} a ANTI JOIN ${view} b ON ${isSame}`);
  if (lost > 0) return `${view} lacks ${lost} keys that its artifacts have`;
  if (isHurt) return undefined; // the artifact's own problem reports its keys
  const strange = await count(
    `FROM (SELECT ${names} FROM ${view} WHERE _seq <= ${lastSeq}) a ANTI JOIN ${came} b ON ${isSame}`,
  );
  return strange > 0 ? `${view} has ${strange} keys that none of its artifacts has` : undefined;
}
