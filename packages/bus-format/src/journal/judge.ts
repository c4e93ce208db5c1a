import { isOneOf } from './forgotten.js';
import type { JournalRows } from './journal-rows.js';
import type { KnownArtifact } from './known-keys.js';
import { aliasesQuery, aliasHistoryQuery, keepsQuery } from './marks.js';
import type { JournalRow } from './row.js';
import { TableNames } from './table-names.js';
import { type SetMode, setModes } from './table-operations.js';

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
  /** The modes that operations have set, by table name. */
  setModes: ReadonlyMap<string, SetMode>;
  names: TableNames;
}

/** An alias, and the artifact that has it. */
interface AliasRow {
  producer: string;
  kind: string;
  alias: string;
  artifact_key: string;
}

/** What a judgement asks a journal, on one machine or of a cluster. */
export interface JudgedJournal {
  /** Returns the rows of these artifacts. */
  artifacts(keys: readonly string[]): Promise<JournalRow[]>;
  findKeys(keys: readonly string[]): Promise<Map<string, KnownArtifact>>;
  aliases(): Promise<AliasRow[]>;
  /** Returns the keys that carry a keep mark. */
  kept(): Promise<string[]>;
  /** Returns the inputs of those of these artifacts that have some, as JSON. */
  inputs(keys: readonly string[]): Promise<{ artifact_key: string; inputs: string }[]>;
  /** Returns the newest artifact that is not forgotten of each source and artifact id of these. */
  newest(keys: readonly string[]): Promise<string[]>;
  /** Returns those of these artifacts whose table was not dropped since. */
  placed(keys: readonly string[]): Promise<string[]>;
  /** Returns the modes of canonical tables that operations have set, by table name. */
  setModes(): Promise<ReadonlyMap<string, SetMode>>;
  /** The names of tables; by default, each has its first one. */
  names?: TableNames;
}

/** Judges keys by the journal of one machine. See {@link judgeBy}. */
export const judge = (journal: JournalRows, keys: readonly string[]): Promise<Judged[]> =>
  judgeBy(
    {
      artifacts: some => artifactsOf(journal, some),
      findKeys: some => journal.findKeys(some),
      aliases: () => journal.query<AliasRow>(aliasesQuery(`(${aliasHistoryQuery})`)),
      kept: async () => (await journal.query<{ artifact_key: string }>(keepsQuery)).map(row => row.artifact_key),
      inputs: some =>
        journal.query(
          `SELECT artifact_key, inputs FROM _bus.journal
           WHERE status = 'ingested' AND inputs IS NOT NULL AND ${isOneOf(some)}`,
          some,
        ),
      newest: some => newestAmong(journal, some),
      placed: async some =>
        (
          await journal.query<{ artifact_key: string }>(
            `SELECT artifact_key FROM ${journal.placed} WHERE status = 'ingested' AND ${isOneOf(some)}`,
            some,
          )
        ).map(row => row.artifact_key),
      setModes: async () => setModes(await journal.tableOperations()),
      names: journal.names,
    },
    keys,
  );

/**
 * Judges keys by the journal as it is now: whether each is an artifact, whether it is forgotten,
 * and what protects it. An alias, a keep mark, being an input (of an input, …) of an artifact with
 * either, and being the newest of its producer, kind and artifact id protect.
 */
export async function judgeBy(journal: JudgedJournal, keys: readonly string[]): Promise<Judged[]> {
  const distinct = [...new Set(keys)];
  const rows = await journal.artifacts(distinct);
  const artifacts = new Map(rows.map(row => [row.artifact_key, row]));
  const states = await journal.findKeys(distinct);
  const protections = await protectionsOf(journal, distinct);
  const placed = new Set(await journal.placed(distinct));
  const modes = await journal.setModes();
  return distinct.map(key => ({
    key,
    row: artifacts.get(key),
    gone: states.get(key)?.gone,
    protectedBy: artifacts.has(key) ? (protections.get(key) ?? []) : [],
    isDropped: artifacts.has(key) && !placed.has(key),
    setModes: modes,
    names: journal.names ?? TableNames.none,
  }));
}

async function protectionsOf(journal: JudgedJournal, keys: readonly string[]): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  const note = (key: string, sentence: string) => found.set(key, [...(found.get(key) ?? []), sentence]);
  for (const { producer, kind, alias, artifact_key } of await journal.aliases())
    note(artifact_key, `it has the alias ${producer}/${kind}@${alias}`);
  for (const key of await journal.kept()) note(key, 'it carries a keep mark');
  for (const [input, kept] of await inputsOf(journal, [...found.keys()]))
    note(input, `${kept}, which is kept, was made from it`);
  for (const key of await journal.newest(keys)) note(key, 'it is the newest of its producer, kind and artifact id');
  return found;
}

/** Returns the inputs of these artifacts, transitively, each with one of them. */
async function inputsOf(journal: JudgedJournal, roots: readonly string[]): Promise<Map<string, string>> {
  const reached = new Map<string, string>();
  let level = new Map(roots.map(key => [key, key]));
  while (level.size > 0) {
    const next = new Map<string, string>();
    for (const { artifact_key, inputs } of await journal.inputs([...level.keys()]))
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
 * Returns the rows of artifacts. Their places are looked up first: DuckDB then reads the many
 * columns of only those rows that constants name, which takes a fraction of the time.
 */
async function artifactsOf(journal: JournalRows, keys: readonly string[]): Promise<JournalRow[]> {
  if (keys.length === 0) return [];
  const isOne = `status = 'ingested' AND ${isOneOf(keys)}`;
  const jobs = await journal.query<{ seq: bigint }>(`SELECT DISTINCT seq FROM _bus.journal WHERE ${isOne}`, keys);
  if (jobs.length === 0) return [];
  return journal.rows(`WHERE ${isOne} AND seq IN (${jobs.map(({ seq }) => seq).join(', ')})`, keys);
}

/**
 * Returns the newest artifact that is not forgotten of each source and artifact id of these keys,
 * which name them after the run.
 */
async function newestAmong(journal: JournalRows, keys: readonly string[]): Promise<string[]> {
  const newestIn = async (from: string, sources: readonly string[]) =>
    (
      await journal.query<{ key: string }>(
        `SELECT arg_max(artifact_key, seq * 100000 + ordinal) AS key FROM ${from}
         WHERE status = 'ingested' AND (producer || '/' || kind || '/' || artifact_id) IN (SELECT unnest($1))
         GROUP BY producer, kind, artifact_id`,
        [...new Set(sources)],
      )
    ).map(({ key }) => key);
  const newest = await newestIn('_bus.journal', keys.map(sourceOf));
  // Few are forgotten, so only these pay for the join with all that are.
  const states = await journal.findKeys(newest);
  const gone = newest.filter(key => states.get(key)?.gone !== undefined);
  const others = gone.length === 0 ? [] : await newestIn(journal.stored, gone.map(sourceOf));
  return [...newest.filter(key => !gone.includes(key)), ...others];
}

const sourceOf = (key: string): string => key.slice(key.indexOf('/') + 1);
