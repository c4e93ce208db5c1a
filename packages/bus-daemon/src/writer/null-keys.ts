import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DeclaredColumn } from '@quantbot/bus-format';
import { artifactsOfTable, type CanonTable, forgottenOfTable } from '@quantbot/bus-format/canon';
import { decodeBudget, decodeTogether } from '@quantbot/duckdb-process';
import type { ArtifactWithoutKey, Bus } from './bus.js';
import { SeenKeys } from './seen-keys.js';

/** What a search for NULL in a key needs. */
export type KeyCheck = Pick<Bus, 'config' | 'layout' | 'journal' | 'inspector'>;

const filesAtOnce = 256;

const pathOf = ({ layout }: KeyCheck, relPath: string | null): string => join(layout.root, relPath ?? '');

/**
 * Returns the first artifact of a table that has NULL in its key. Files that were committed before
 * the table had this key may have some.
 *
 * @param from FROM clause of the rows of the journal that may be in the table; by default, those
 * that are.
 * @param seen artifacts that need not be read again. Adds those that were read.
 * @param onFiles called after each group of files.
 */
export async function firstWithoutKey(
  bus: KeyCheck,
  table: CanonTable,
  {
    from,
    seen = new SeenKeys(),
    onFiles = () => {},
  }: { from?: string; seen?: SeenKeys | undefined; onFiles?: () => void } = {},
): Promise<ArtifactWithoutKey | undefined> {
  const key = keyColumnsOf(table);
  if (key.length === 0) return undefined;
  const all = await artifactsOfTable(bus.journal, table.name, bus.journal.lastSeq, from);
  // The bytes of a forgotten artifact may still be there, but its rows leave a table with a key.
  const forgotten = await forgottenOfTable(bus.journal, table.name);
  const whole = seen.of(key);
  const artifacts = all.filter(
    ({ artifact_key, rel_path }) =>
      !whole.has(artifact_key ?? '') && !forgotten.has(artifact_key ?? '') && existsSync(pathOf(bus, rel_path)),
  );
  for (let start = 0; start < artifacts.length; start += filesAtOnce) {
    const group = artifacts.slice(start, start + filesAtOnce);
    const files = group.map(row => ({
      artifact: row.artifact_key ?? '',
      path: pathOf(bus, row.rel_path),
      rows: row.rows ?? 0,
      bytes: row.bytes ?? 0,
    }));
    const found = await firstWithNull(bus, key, files);
    if (found !== undefined) return found;
    for (const { artifact_key } of group) if (artifact_key !== null) whole.add(artifact_key);
    onFiles();
  }
}

/** Returns the columns of a table's key. */
export const keyColumnsOf = (table: CanonTable): DeclaredColumn[] =>
  table.columns.filter(({ name }) => table.key.includes(name));

/** A local file of an artifact. */
export interface ArtifactFile {
  artifact: string;
  path: string;
  rows: number;
  bytes: number;
}

/**
 * Returns the first artifact that has NULL in a column. Passes over files that cannot be read: the
 * rebuild of the table reports them.
 */
export async function firstWithNull(
  bus: Pick<KeyCheck, 'config' | 'inspector'>,
  columns: readonly DeclaredColumn[],
  artifacts: readonly ArtifactFile[],
): Promise<ArtifactWithoutKey | undefined> {
  const files = artifacts.map(({ path, rows, bytes }) => ({ path, rows, bytes }));
  const budget = decodeBudget(
    bus.config.limits,
    files.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  const task = { files, columns, required: columns.map(({ name }) => name) };
  const outcome = await decodeTogether(bus.inspector, task, budget);
  if (outcome === undefined) return undefined;
  const [only, ...others] = artifacts;
  if (only !== undefined && others.length === 0)
    return 'nulls' in outcome ? { artifact: only.artifact, nulls: outcome.nulls } : undefined;
  const middle = Math.ceil(artifacts.length / 2);
  return (
    (await firstWithNull(bus, columns, artifacts.slice(0, middle))) ??
    (await firstWithNull(bus, columns, artifacts.slice(middle)))
  );
}
