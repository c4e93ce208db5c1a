import { setModes } from '@quantbot/bus-format/canon';
import {
  foldKeys,
  type Judged,
  type JudgedJournal,
  judgeBy,
  type KeyRow,
  type KnownArtifact,
} from '@quantbot/bus-format/journal';
import type { Operation } from '@quantbot/infra';
import { columnTexts, unnested } from './column-texts.js';
import { atTheirPlaces } from './places.js';
import type { Queries } from './postgres/postgres.js';
import { rowFrom } from './row-from.js';
import { type OperatedTables, operatedTables } from './table-operations.js';

/** Judges keys by the journal of a cluster, as these queries see it. See `judgeBy`. */
export const judgeIn = async (queries: Queries, keys: readonly string[]): Promise<Judged[]> =>
  judgeBy(journalIn(queries, await operatedTables(queries)), keys);

/** A row of {@link keysAmong}. */
export type FoundKey = KeyRow & Record<string, unknown>;

/**
 * Returns SQL of the journal's rows of these keys.
 *
 * @param wanted SQL of the set of keys.
 */
export function keysAmong(wanted: string): string {
  // Two queries, because each can use only one of the two indexes.
  const columns = 'artifact_key, seq, sha256, rel_path, schema_hint, status, reject_details IS NOT NULL AS quarantined';
  const isWanted = `artifact_key = ANY (ARRAY (SELECT ${wanted}))`;
  return `SELECT ${columns} FROM bus.journal WHERE status = 'ingested' AND ${isWanted}
    UNION ALL SELECT ${columns} FROM bus.journal WHERE status IN ('forgotten', 'erased', 'restored') AND ${isWanted}
    ORDER BY seq`;
}

/** Returns the journal's entry for each of these keys that it has. */
export async function findKeys(queries: Queries, keys: readonly string[]): Promise<Map<string, KnownArtifact>> {
  if (keys.length === 0) return new Map();
  const { texts, end, none } = columnTexts([keys]);
  const wanted = unnested([{ type: 'text', text: '$1' }], { end: '$2', none: '$3' });
  const rows = await queries.query<FoundKey>(keysAmong(wanted), [...texts, end, none]);
  return foldKeys(rows);
}

function journalIn(queries: Queries, operated: OperatedTables): JudgedJournal {
  const marks = marksIn(queries);
  return {
    artifacts: async keys => {
      const found = `SELECT * FROM bus.journal WHERE status = 'ingested' AND artifact_key = ANY($1)`;
      return atTheirPlaces(queries, (await queries.query(found, [keys])).map(rowFrom));
    },
    findKeys: keys => findKeys(queries, keys),
    aliases: async () => (await marks()).aliases,
    kept: async () => (await marks()).kept,
    inputs: keys =>
      queries.query(
        `SELECT artifact_key, inputs FROM bus.journal
         WHERE status = 'ingested' AND inputs IS NOT NULL AND artifact_key = ANY($1)`,
        [keys],
      ),
    placed: async keys => (operated.operations.length === 0 ? [...keys] : placedAmong(queries, operated, keys)),
    setModes: async () => setModes(operated.operations),
    names: operated.names,
    newest: async keys => (await queries.query<{ key: string }>(newestQuery, [keys])).map(({ key }) => key),
  };
}

/** Returns those of these artifacts whose table was not dropped since. */
async function placedAmong(queries: Queries, operated: OperatedTables, keys: readonly string[]): Promise<string[]> {
  const rows = await queries.query<{ key: string }>(
    `SELECT artifact_key AS key FROM bus.journal WHERE status = 'ingested' AND artifact_key = ANY($1)
       AND (schema_hint IS NULL OR NOT starts_with(schema_hint, 'canon.') OR ${operated.tableSql('schema_hint', 'seq')} IS NOT NULL)`,
    [keys],
  );
  return rows.map(({ key }) => key);
}

/** The newest artifact that is not forgotten of each source and artifact id of these keys. */
const newestQuery = `WITH wanted AS (
    SELECT DISTINCT producer, kind, artifact_id FROM bus.journal WHERE status = 'ingested' AND artifact_key = ANY($1))
  SELECT newest.artifact_key AS key FROM wanted CROSS JOIN LATERAL (
    SELECT artifact_key FROM bus.journal j WHERE status = 'ingested'
      AND j.producer = wanted.producer AND j.kind = wanted.kind AND j.artifact_id = wanted.artifact_id
      AND coalesce((SELECT t.status FROM bus.journal t WHERE t.status IN ('forgotten', 'erased', 'restored')
        AND t.artifact_key = j.artifact_key ORDER BY t.seq DESC LIMIT 1), 'restored') = 'restored'
    ORDER BY seq DESC, ordinal DESC LIMIT 1) newest`;

interface Marks {
  aliases: { producer: string; kind: string; alias: string; artifact_key: string }[];
  kept: string[];
}

/** Reads all aliases and keep marks, once. */
function marksIn(queries: Queries): () => Promise<Marks> {
  let read: Promise<Marks> | undefined;
  return () => {
    read ??= readMarks(queries);
    return read;
  };
}

async function readMarks(queries: Queries): Promise<Marks> {
  const rows = await queries.query<{ op: string }>(
    `SELECT op_json AS op FROM bus.journal WHERE op_json IS NOT NULL AND status = 'done'
     AND CAST(op_json AS json)->>'type' IN ('alias', 'keep') ORDER BY seq`,
  );
  const aliases = new Map<string, Marks['aliases'][number]>();
  const kept = new Set<string>();
  for (const { op: json } of rows) {
    const op = JSON.parse(json) as Operation;
    if (op.type === 'keep') for (const key of op.artifact_keys) op.keep ? kept.add(key) : kept.delete(key);
    if (op.type !== 'alias') continue;
    const { producer, kind, alias, artifact_key } = op;
    const name = `${producer}/${kind}@${alias}`;
    if (artifact_key === null) aliases.delete(name);
    else aliases.set(name, { producer, kind, alias, artifact_key });
  }
  return { aliases: [...aliases.values()], kept: [...kept] };
}
