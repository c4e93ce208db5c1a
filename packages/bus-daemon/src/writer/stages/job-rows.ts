import { emptyRow, type JournalRow, rejectDetailsOf } from '@quantbot/bus-format/journal';
import { exactJson, type Operation, type ParquetColumn } from '@quantbot/infra';
import { type AcceptedJob, type Forgetting, isRejected, type RejectedJob } from '../job.js';

/**
 * Returns the journal's rows of a job: one per artifact, or one for a rejected job or an operation.
 */
export function rowsOfJob(job: AcceptedJob | RejectedJob, seq: number, committedAt: number): JournalRow[] {
  const base = {
    ...emptyRow,
    seq,
    claim: job.claim,
    committed_at: committedAt,
    job_id: job.jobId,
    manifest_sha256: job.manifestSha256,
  };
  const { manifest } = job;
  const ofManifest =
    manifest === undefined
      ? {}
      : {
          run_id: manifest.run_id,
          producer: manifest.producer,
          kind: manifest.kind,
          created_at_utc: parseUtc(manifest.created_at_utc),
          inputs: json(manifest.inputs),
          job_meta_json: json(manifest.meta),
          provenance_json: json(manifest.provenance),
        };
  if (isRejected(job)) {
    const { error } = job;
    return [
      {
        ...base,
        ...ofManifest,
        ordinal: 0,
        status: 'rejected',
        reject_code: error.code as JournalRow['reject_code'],
        reject_error: error.message,
        reject_details: rejectDetailsOf(error),
      },
    ];
  }
  if (job.manifest.op !== undefined) return rowsOfOperation(job, { ...base, ...ofManifest });
  return job.artifacts.map((artifact, ordinal) => ({
    ...base,
    ...ofManifest,
    ordinal,
    status: artifact.status,
    kind: artifact.entry.kind ?? job.manifest.kind,
    artifact_id: artifact.entry.artifact_id,
    artifact_key: artifact.key,
    format: artifact.entry.format,
    rel_path: artifact.relPath,
    rows: artifact.rows,
    bytes: artifact.bytes,
    sha256: artifact.sha256,
    schema_hint: artifact.entry.schema_hint ?? null,
    schema_json: schemaJson(artifact.columns),
    meta_json: json(artifact.entry.meta),
    reject_details: artifact.quarantined === undefined ? null : JSON.stringify(artifact.quarantined),
    content_hash: artifact.contentHash ?? null,
  }));
}

/** The row of an operation, and one for each artifact that it forgets. */
function rowsOfOperation(
  { manifest, forgetting, tableChange }: AcceptedJob,
  base: Omit<JournalRow, 'ordinal' | 'status'>,
): JournalRow[] {
  const first = { ...base, ordinal: 0, status: 'done' as const };
  if (tableChange !== undefined) {
    const { table: of, before, start, erased } = tableChange;
    const { op } = manifest;
    const isFirst = op !== undefined && 'table' in op && op.table === of;
    const op_json = JSON.stringify({ ...op, ...(!isFirst && { of }), before, generation: start.generation });
    return [
      { ...first, op_json },
      ...rowsOfGone(
        erased.map(row => ({ row, status: 'erased' as const })),
        base,
      ),
    ];
  }
  if (forgetting === undefined) return [{ ...first, op_json: JSON.stringify(manifest.op) }];
  const { artifact_keys: _keys, ...op } = manifest.op as Extract<Operation, { type: 'forget' }>;
  const { gone, spared } = forgetting;
  return [{ ...first, op_json: JSON.stringify({ ...op, spared }) }, ...rowsOfGone(gone, base)];
}

const rowsOfGone = (gone: Forgetting['gone'], base: Omit<JournalRow, 'ordinal' | 'status'>): JournalRow[] =>
  gone.map(({ row, status }, index) => ({
    ...base,
    ordinal: index + 1,
    status,
    run_id: row.run_id,
    producer: row.producer,
    kind: row.kind,
    artifact_id: row.artifact_id,
    artifact_key: row.artifact_key,
    rel_path: row.rel_path,
    bytes: row.bytes,
    sha256: row.sha256,
    schema_hint: row.schema_hint,
  }));

/** Files of one producer mostly share one schema object, so cache by identity. */
const schemaJsons = new WeakMap<readonly ParquetColumn[], string>();

/** Returns the schema of a file as the journal has it. */
export function schemaJson(columns: readonly ParquetColumn[]): string {
  const known = schemaJsons.get(columns);
  if (known !== undefined) return known;
  const json = JSON.stringify(columns);
  schemaJsons.set(columns, json);
  return json;
}

const json = (value: unknown): string | null => (value === undefined ? null : exactJson(value));

/** The manifest's schema has checked the format. A time without a zone is UTC. */
const parseUtc = (text: string): number =>
  Date.parse(
    `${text
      .replace(' ', 'T')
      .replace(/(\.\d{3})\d+/, '$1')
      .replace(/(Z|\+00:00)$/, '')}Z`,
  );
