import { exactJson, parseManifest } from '@quantbot/infra';
import { busError } from '@quantbot/infra/bus';
import { expect, test } from 'vitest';
import type { AcceptedJob } from '../job.js';
import { rowsOfJob } from './job-rows.js';

const manifestOf = (more: object = {}) =>
  parseManifest(
    Buffer.from(
      exactJson({
        job_id: 'job-1',
        run_id: 'run-1',
        producer: 'p',
        kind: 'k',
        created_at_utc: '2026-01-31T12:00:00.5Z',
        artifacts: [
          { artifact_id: 'a', relpath: 'a.parquet', schema_hint: 'canon.t', meta: { x: 1, zero: -0 } },
          { artifact_id: 'b', relpath: 'b.parquet', kind: 'other' },
        ],
        inputs: ['r/p/k/in'],
        meta: { job: true },
        provenance: { commit: 'abc' },
        ...more,
      }),
    ),
  );

function accepted(more: object = {}): AcceptedJob {
  const manifest = manifestOf(more);
  return {
    claim: 'c1',
    jobId: 'job-1',
    folder: '/unused',
    manifest,
    manifestSha256: 'm'.repeat(64),
    manifestLength: 0,
    artifacts: manifest.artifacts.map((entry, index) => ({
      entry,
      key: `run-1/p/${entry.kind ?? 'k'}/${entry.artifact_id}`,
      relPath: `store/p/${entry.kind ?? 'k'}/run-1@${entry.artifact_id}.parquet`,
      file: '/unused',
      inode: 1,
      judged: new Map(),
      copied: false,
      rows: index,
      bytes: 100 + index,
      sha256: String(index).repeat(64),
      columns: [{ name: 'n', type: 'BIGINT', nullable: true }],
      status: index === 0 ? 'ingested' : 'duplicate',
      toStore: index === 0,
      replaceOrphan: false,
    })),
  };
}

test('a job has one row per artifact, all under its seq, each with its own kind, status and metadata', () => {
  const rows = rowsOfJob(accepted(), 7, 1000);
  expect(rows).toHaveLength(2);
  expect(rows[0]).toEqual({
    seq: 7,
    ordinal: 0,
    claim: 'c1',
    committed_at: 1000,
    status: 'ingested',
    job_id: 'job-1',
    run_id: 'run-1',
    producer: 'p',
    kind: 'k',
    artifact_id: 'a',
    artifact_key: 'run-1/p/k/a',
    format: 'parquet',
    rel_path: 'store/p/k/run-1@a.parquet',
    rows: 0,
    bytes: 100,
    sha256: '0'.repeat(64),
    schema_hint: 'canon.t',
    schema_json: '[{"name":"n","type":"BIGINT","nullable":true}]',
    inputs: '["r/p/k/in"]',
    created_at_utc: Date.UTC(2026, 0, 31, 12, 0, 0, 500),
    meta_json: '{"x":1,"zero":-0.0}',
    job_meta_json: '{"job":true}',
    provenance_json: '{"commit":"abc"}',
    manifest_sha256: 'm'.repeat(64),
    reject_code: null,
    reject_error: null,
    reject_details: null,
    op_json: null,
    content_hash: null,
  });
  expect(rows[1]).toMatchObject({
    seq: 7,
    ordinal: 1,
    kind: 'other',
    status: 'duplicate',
    schema_hint: null,
    meta_json: null,
  });
});

test('a rejected job has one row, with what its manifest said of it as a whole', () => {
  const { artifacts: _artifacts, ...job } = accepted();
  const rows = rowsOfJob({ ...job, error: busError('NOT_PARQUET', 'It is not.', { details: ['why'] }) }, 7, 1000);
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatchObject({
    ordinal: 0,
    status: 'rejected',
    run_id: 'run-1',
    kind: 'k',
    artifact_key: null,
    rows: null,
    reject_code: 'NOT_PARQUET',
    reject_error: 'It is not.',
    reject_details: '["why"]',
    op_json: null,
    content_hash: null,
  });
});

test('a job whose manifest could not be read has a row all the same, with nothing but its name and the reason', () => {
  const job = { claim: 'c1', jobId: 'job-1', folder: '/unused', manifest: undefined };
  const error = busError('MANIFEST_MISSING', 'None.');
  const [row] = rowsOfJob({ ...job, manifestSha256: null, manifestLength: 0, error }, 7, 1000);
  expect(row).toMatchObject({ job_id: 'job-1', run_id: null, created_at_utc: null, reject_code: 'MANIFEST_MISSING' });
});

test('every way to write a time in UTC means the same', () => {
  const at = Date.UTC(2026, 0, 31, 12, 0, 0);
  for (const [text, ms] of [
    ['2026-01-31T12:00:00Z', 0],
    ['2026-01-31 12:00:00', 0],
    ['2026-01-31T12:00:00+00:00', 0],
    ['2026-01-31T12:00:00.1', 100],
    ['2026-01-31T12:00:00.123456789Z', 123],
    ['2026-01-31 12:00:00.123456+00:00', 123],
  ] as const)
    expect(rowsOfJob(accepted({ created_at_utc: text }), 1, 0)[0]?.created_at_utc, text).toBe(at + ms);
});
