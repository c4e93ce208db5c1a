import type { JournalRow } from '@quantbot/bus-format/journal';
import type { ArtifactKeyParts } from '@quantbot/infra';
import { storeObjectKey, storeRelPath } from '@quantbot/infra/bus';

const partsOf = ({ run_id, producer, kind, artifact_id }: JournalRow): ArtifactKeyParts => ({
  runId: run_id ?? '',
  producer: producer ?? '',
  kind: kind ?? '',
  artifactId: artifact_id ?? '',
});

/** Replaces NUL, which PostgreSQL's text cannot hold. */
const storable = (value: JournalRow[keyof JournalRow]) =>
  typeof value === 'string' ? value.replaceAll('\0', '\uFFFD').toWellFormed() : value;

/** Returns a row as a cluster has it: with the artifact's key in the object store. */
export const toObjects = (row: JournalRow): JournalRow => ({
  ...(Object.fromEntries(Object.entries(row).map(([name, value]) => [name, storable(value)])) as JournalRow),
  rel_path: row.rel_path === null ? null : storeObjectKey(partsOf(row), row.sha256 ?? ''),
});

/** Returns a row as one machine has it. */
export const toFiles = (row: JournalRow): JournalRow => ({
  ...row,
  rel_path: row.rel_path === null ? null : storeRelPath(partsOf(row)),
});

/** Whether the row is that of an artifact in the store. */
export const isStored = ({ status, rel_path }: JournalRow): boolean => status === 'ingested' && rel_path !== null;
