import { byCodeUnit } from '../by-code-unit.js';
import type { Param } from '../duckdb/bind.js';
import { storageError } from '../errors.js';
import type { Row } from '../types/mapping.js';
import { type ArtifactRecord, artifactRecord } from './records.js';

/** How far and in which direction to follow lineage. */
export interface LineageOptions {
  /**
   * `'inputs'`: the artifacts that this one was computed from. `'outputs'`: the artifacts computed
   * from this one. `'both'` (default): both, each followed separately.
   */
  direction?: 'inputs' | 'outputs' | 'both';
  /** The number of steps: 1 (default) or more, or `Infinity`. */
  depth?: number;
}

/** One artifact was an input of another. */
export interface LineageEdge {
  /** Key of the input. An input need not be an artifact of the bus. */
  from: string;
  /** Key of the artifact that was computed from it. */
  to: string;
  /** Its distance in steps: 1 for direct neighbours. */
  depth: number;
}

/** The inputs and outputs of an artifact. */
export interface Lineage {
  /** Keys of the artifacts that it was computed from, nearest first. */
  inputs: string[];
  /** Keys of the artifacts that were computed from it, nearest first. */
  outputs: string[];
  /** Every edge that was followed, once and with its shortest depth, nearest first. */
  edges: LineageEdge[];
  /**
   * The artifact itself and those of `inputs` and `outputs`, as far as the catalog has them, newest
   * first.
   */
  artifacts: ArtifactRecord[];
}

type Query = (sql: string, parameters?: readonly Param[]) => Promise<Row[]>;

/**
 * Returns the lineage of an artifact. Each edge is followed once, so circles end. All edges come
 * from one query, and so from one moment.
 *
 * @throws StorageError `OPTIONS_INVALID`.
 */
export async function lineageOf(query: Query, key: string, options: LineageOptions = {}): Promise<Lineage> {
  const { direction = 'both', depth = 1 } = options;
  assertOptions(direction, depth);
  const edges = await edgesOf(query, depth === 1 ? key : undefined);
  const up = direction === 'outputs' ? [] : walk(edges, key, depth, { near: 'to', far: 'from' });
  const down = direction === 'inputs' ? [] : walk(edges, key, depth, { near: 'from', far: 'to' });
  const inputs = distinct(up.map(({ from }) => from));
  const outputs = distinct(down.map(({ to }) => to));
  return {
    inputs,
    outputs,
    edges: shortest([...up, ...down]),
    artifacts: await recordsOf(query, key, inputs, outputs),
  };
}

function assertOptions(direction: string, depth: number): void {
  const details: string[] = [];
  if (!['inputs', 'outputs', 'both'].includes(direction))
    details.push("direction: must be 'inputs', 'outputs' or 'both'");
  if (!(depth >= 1 && (Number.isInteger(depth) || depth === Infinity)))
    details.push('depth: must be a whole number of at least 1, or Infinity');
  if (details.length > 0)
    throw storageError('OPTIONS_INVALID', 'The options of the lineage are not valid.', { details });
}

type Edge = Pick<LineageEdge, 'from' | 'to'>;

/**
 * Returns the edges of one artifact, or all edges. A walk of many steps in SQL would read all edges
 * at every step.
 */
async function edgesOf(query: Query, only: string | undefined): Promise<Edge[]> {
  const condition = only === undefined ? 'input_key IS NOT NULL' : '(artifact_key = $1 OR input_key = $1)';
  const sql = `SELECT DISTINCT input_key AS "from", artifact_key AS "to" FROM catalog.lineage_v WHERE ${condition}`;
  return (await query(sql, only === undefined ? [] : [only])) as Edge[];
}

/** Returns the edges within reach of a key, level by level, each level in the order of the keys. */
function walk(
  edges: readonly Edge[],
  key: string,
  depth: number,
  { near, far }: { near: keyof Edge; far: keyof Edge },
): LineageEdge[] {
  const atKey = new Map<string, Edge[]>();
  for (const edge of edges) {
    const known = atKey.get(edge[near]);
    if (known === undefined) atKey.set(edge[near], [edge]);
    else known.push(edge);
  }
  const reached = new Set([key]);
  const taken: LineageEdge[] = [];
  let level = [key];
  for (let step = 1; step <= depth && level.length > 0; step++) {
    const found = level.flatMap(from => atKey.get(from) ?? []);
    for (const { from, to } of found) taken.push({ from, to, depth: step });
    level = distinct(found.map(edge => edge[far])).filter(other => !reached.has(other));
    for (const other of level) reached.add(other);
  }
  return taken.sort((a, b) => a.depth - b.depth || byCodeUnit(a[far], b[far]) || byCodeUnit(a[near], b[near]));
}

/** Returns each edge once. In a circle, an edge can be reached in both directions. */
function shortest(edges: readonly LineageEdge[]): LineageEdge[] {
  const kept = new Map<string, LineageEdge>();
  for (const edge of [...edges].sort((a, b) => a.depth - b.depth || byKeys(a, b))) {
    const id = JSON.stringify([edge.from, edge.to]);
    if (!kept.has(id)) kept.set(id, edge);
  }
  return [...kept.values()];
}

async function recordsOf(query: Query, key: string, ...others: readonly string[][]): Promise<ArtifactRecord[]> {
  const keys = distinct([key, ...others.flat()]);
  const rows = await query(
    'SELECT * FROM catalog.artifacts_f WHERE artifact_key IN (SELECT unnest($1)) ORDER BY seq DESC, ordinal DESC',
    [keys],
  );
  return rows.map(artifactRecord);
}

const distinct = <T>(items: readonly T[]): T[] => [...new Set(items)];
const byKeys = (a: Edge, b: Edge): number => byCodeUnit(a.from, b.from) || byCodeUnit(a.to, b.to);
