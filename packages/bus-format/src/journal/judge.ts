import type { JournalRows } from './journal-rows.js';
import { aliasesQuery, aliasHistoryQuery, keepsQuery } from './marks.js';
import type { JournalRow } from './row.js';

/** What the journal says about a key that someone wants to forget. */
export interface Judged {
  key: string;
  /** The row of its artifact; undefined if the bus never had it. */
  row: JournalRow | undefined;
  /** How it is forgotten already. */
  gone: 'forgotten' | 'erased' | undefined;
  /** What protects it: one sentence each. */
  protectedBy: string[];
  /** Whether its canonical table was dropped since, so that no table has its rows. */
  isDropped: boolean;
}

/**
 * Judges keys by the journal as it is now: whether each is an artifact, whether it is forgotten,
 * and what protects it. An alias, a keep mark, being an input (of an input, …) of an artifact with
 * either, and being the newest of its producer, kind and artifact id protect.
 */
export async function judge(journal: JournalRows, keys: readonly string[]): Promise<Judged[]> {
  const distinct = [...new Set(keys)];
  const rows = await journal.rows(`WHERE status = 'ingested' AND artifact_key IN (SELECT unnest($1))`, distinct);
  const artifacts = new Map(rows.map(row => [row.artifact_key, row]));
  const states = await journal.findKeys(distinct);
  const protections = await protectionsOf(journal, distinct);
  const placed = await journal.rows(
    `WHERE status = 'ingested' AND artifact_key IN (SELECT unnest($1))`,
    distinct,
    journal.placed,
  );
  const placedKeys = new Set(placed.map(row => row.artifact_key));
  return distinct.map(key => ({
    key,
    row: artifacts.get(key),
    gone: states.get(key)?.gone,
    protectedBy: artifacts.has(key) ? (protections.get(key) ?? []) : [],
    isDropped: artifacts.has(key) && !placedKeys.has(key),
  }));
}

async function protectionsOf(journal: JournalRows, keys: readonly string[]): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  const note = (key: string, sentence: string) => found.set(key, [...(found.get(key) ?? []), sentence]);
  const aliases = await journal.query<{ producer: string; kind: string; alias: string; artifact_key: string }>(
    aliasesQuery(`(${aliasHistoryQuery})`),
  );
  const keeps = await journal.query<{ artifact_key: string }>(keepsQuery);
  for (const { producer, kind, alias, artifact_key } of aliases)
    note(artifact_key, `it has the alias ${producer}/${kind}@${alias}`);
  for (const { artifact_key } of keeps) note(artifact_key, 'it carries a keep mark');
  for (const [input, kept] of await inputsOf(journal, [...found.keys()]))
    note(input, `${kept}, which is kept, was made from it`);
  for (const key of await newestAmong(journal, keys))
    note(key, 'it is the newest of its producer, kind and artifact id');
  return found;
}

/** Returns the inputs of these artifacts, transitively, each with one of them. */
async function inputsOf(journal: JournalRows, roots: readonly string[]): Promise<Map<string, string>> {
  const reached = new Map<string, string>();
  let level = new Map(roots.map(key => [key, key]));
  while (level.size > 0) {
    const rows = await journal.query<{ artifact_key: string; inputs: string }>(
      `SELECT artifact_key, inputs FROM _bus.journal
       WHERE status = 'ingested' AND inputs IS NOT NULL AND artifact_key IN (SELECT unnest($1))`,
      [...level.keys()],
    );
    const next = new Map<string, string>();
    for (const { artifact_key, inputs } of rows)
      for (const input of JSON.parse(inputs) as string[]) {
        if (reached.has(input)) continue;
        const root = level.get(artifact_key) ?? artifact_key;
        reached.set(input, root);
        next.set(input, root);
      }
    level = next;
  }
  return reached;
}

/**
 * Returns the newest artifact that is not forgotten of each source and artifact id of these keys.
 */
async function newestAmong(journal: JournalRows, keys: readonly string[]): Promise<string[]> {
  const rows = await journal.query<{ key: string }>(
    `WITH wanted AS (SELECT DISTINCT producer, kind, artifact_id FROM _bus.journal
       WHERE status = 'ingested' AND artifact_key IN (SELECT unnest($1)))
     SELECT arg_max(artifact_key, seq * 100000 + ordinal) AS key FROM ${journal.stored}
     SEMI JOIN wanted USING (producer, kind, artifact_id)
     WHERE status = 'ingested' GROUP BY producer, kind, artifact_id`,
    keys,
  );
  return rows.map(({ key }) => key);
}
