import type { ArtifactRecord } from '@quantbot/storage';
import { expect, test } from 'vitest';
import { runEvents } from './run-events.js';

const artifact = (fields: Partial<ArtifactRecord>): ArtifactRecord => ({
  seq: 7,
  ordinal: 0,
  key: 'run-1/desk/fills/fills',
  runId: 'run-1',
  producer: 'desk',
  kind: 'fills',
  artifactId: 'fills',
  jobId: 'job-7',
  path: '/bus/store/x.parquet',
  rows: 3,
  bytes: 400,
  sha256: 'ab',
  schemaHint: 'canon.fills',
  schema: [{ name: 'id', type: 'BIGINT', nullable: false }],
  inputs: ['run-0/market/candles/btc', 'https://elsewhere/file'],
  meta: null,
  provenance: null,
  contentHash: null,
  quarantined: null,
  submittedAt: new Date('2026-01-31T12:00:00Z'),
  committedAt: new Date('2026-01-31T12:00:01Z'),
  forgottenAt: null,
  ...fields,
});
const names = { busId: 'bus-1', namespace: 'lab' };

test('a job is a run with a start and an end, its inputs, and its outputs with their schema', () => {
  const second = artifact({ ordinal: 1, key: 'run-1/desk/events/e', kind: 'events', rows: 0 });
  const [start, complete] = runEvents([artifact({}), second], names);
  expect(start).toMatchObject({
    eventType: 'START',
    eventTime: '2026-01-31T12:00:00.000Z',
    job: { namespace: 'lab', name: 'desk/fills' },
    inputs: [
      { namespace: 'lab', name: 'market/candles/btc', facets: { version: { datasetVersion: 'run-0' } } },
      { namespace: 'lab', name: 'https://elsewhere/file' },
    ],
    outputs: [],
  });
  expect(complete).toMatchObject({
    eventType: 'COMPLETE',
    eventTime: '2026-01-31T12:00:01.000Z',
    run: start.run,
    inputs: start.inputs,
    outputs: [
      {
        name: 'desk/fills/fills',
        facets: { version: { datasetVersion: 'run-1' }, schema: { fields: [{ name: 'id', type: 'BIGINT' }] } },
        outputFacets: { outputStatistics: { rowCount: 3, size: 400 } },
      },
      { name: 'desk/events/e', outputFacets: { outputStatistics: { rowCount: 0 } } },
    ],
  });
});

test('the same job has the same run id, and other jobs and buses have others, with one parent a run', () => {
  const idOf = (fields: Partial<ArtifactRecord>, busId = 'bus-1') =>
    runEvents([artifact(fields)], { ...names, busId })[0].run;
  const parent = (run: ReturnType<typeof idOf>) =>
    (run.facets.parent as unknown as { run: { runId: string } }).run.runId;
  expect(idOf({})).toEqual(idOf({}));
  const runs = [idOf({}), idOf({ seq: 8 }), idOf({ jobId: 'job-8' }), idOf({}, 'bus-2')];
  expect(new Set(runs.map(({ runId }) => runId)).size).toBe(4);
  for (const { runId } of runs)
    expect(runId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(parent(idOf({}))).toBe(parent(idOf({ seq: 8, jobId: 'job-8' })));
  expect(parent(idOf({}))).not.toBe(parent(idOf({ runId: 'run-2' })));
});

test('a run does not end before it starts, however wrong the clock of the producer is', () => {
  const [start, complete] = runEvents([artifact({ submittedAt: new Date('2030-01-01T00:00:00Z') })], names);
  expect(start.eventTime).toBe(complete.eventTime);
});

test('every facet names its schema', () => {
  const [, complete] = runEvents([artifact({})], names);
  const facets = [complete.run, ...complete.inputs, ...complete.outputs].flatMap(part => [
    ...Object.values(part.facets ?? {}),
    ...Object.values(('outputFacets' in part && part.outputFacets) || {}),
  ]);
  expect(facets).toHaveLength(7);
  for (const facet of facets) {
    expect(facet._producer).toMatch(/^https:\/\//);
    expect(facet._schemaURL).toMatch(/^https:\/\/openlineage\.io\/spec\/facets\/\d-\d-\d\/(\w+)\.json#\/\$defs\/\1$/);
  }
});
