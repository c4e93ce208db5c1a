import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { storeObjectKey } from './bus-layout.js';
import { BusError } from './errors.js';
import { manifestArtifactKey, maxManifestBytes, parseManifest, parseObjectManifest } from './manifest.js';

const artifact = { artifact_id: 'fills', format: 'parquet', relpath: 'fills.parquet' };
const good = {
  job_id: 'job-1',
  run_id: 'run-1',
  producer: 'simulation',
  kind: 'trades',
  created_at_utc: '2026-01-31T12:00:00Z',
  artifacts: [artifact],
};
const parse = (manifest: unknown) => parseManifest(Buffer.from(JSON.stringify(manifest)));

/** Returns the code and details of the refusal. Fails the test if nothing is refused. */
function refusalOf(bytes: Uint8Array): BusError {
  try {
    parseManifest(bytes);
  } catch (error) {
    if (error instanceof BusError) return error;
    throw error;
  }
  throw new Error('the manifest was taken');
}

test('the smallest manifest gets its defaults', () => {
  expect(parse({ ...good, artifacts: [{ artifact_id: 'fills', relpath: 'fills.parquet' }] })).toEqual({
    ...good,
    manifest_version: 1,
    artifacts: [artifact],
  });
});

describe('a manifest is refused with the name of the field', () => {
  const withArtifact = (more: object) => ({ ...good, artifacts: [{ ...artifact, ...more }] });
  const without = (key: string) => Object.fromEntries(Object.entries(good).filter(([name]) => name !== key));
  test.each<[string, unknown]>([
    ['manifest', null],
    ['manifest', []],
    ['manifest', 'text'],
    ['manifest', 1],
    ['manifest_version', { ...good, manifest_version: 2 }],
    ['manifest_version', { ...good, manifest_version: '1' }],
    ['job_id', without('job_id')],
    ['run_id', without('run_id')],
    ['producer', without('producer')],
    ['kind', without('kind')],
    ['created_at_utc', without('created_at_utc')],
    ['artifacts', without('artifacts')],
    ['job_id', { ...good, job_id: '../x' }],
    ['run_id', { ...good, run_id: 1 }],
    ['producer', { ...good, producer: '' }],
    ['kind', { ...good, kind: 'a'.repeat(10_000) }],
    ['kind', { ...good, kind: null }],
    ...[
      '',
      'yesterday',
      '2026-01-31',
      '2026-01-31T12:00:00+02:00',
      '2026-02-30T00:00:00Z',
      '2026-13-01T00:00:00Z',
      '2026-01-31T24:00:00Z',
      '2026-01-31T12:60:00Z',
      '12026-01-31T12:00:00Z',
      "2026-01-31T12:00:00Z'; DROP",
    ].map((time): [string, unknown] => ['created_at_utc', { ...good, created_at_utc: time }]),
    ['artifacts', { ...good, artifacts: [] }],
    ['artifacts', { ...good, artifacts: {} }],
    ['artifacts.0', { ...good, artifacts: [null] }],
    ['artifacts.0.artifact_id', withArtifact({ artifact_id: 'a/b' })],
    ['artifacts.0.kind', withArtifact({ kind: '..' })],
    ['artifacts.0.format', withArtifact({ format: 'csv' })],
    ['artifacts.0.relpath', withArtifact({ relpath: '' })],
    ['artifacts.0.relpath', withArtifact({ relpath: 'a'.repeat(1001) })],
    ['artifacts.0.schema_hint', withArtifact({ schema_hint: '' })],
    ['artifacts.0.schema_hint', withArtifact({ schema_hint: 'canon.' })],
    ['artifacts.0.schema_hint', withArtifact({ schema_hint: 'canon.a; DROP TABLE x' })],
    ['artifacts.0.schema_hint', withArtifact({ schema_hint: 'canon."x"' })],
    ['artifacts.0.rows', withArtifact({ rows: -1 })],
    ['artifacts.0.rows', withArtifact({ rows: 1.5 })],
    ['artifacts.0.rows', withArtifact({ rows: '1' })],
    ['artifacts.0.rows', withArtifact({ rows: 2 ** 53 })],
    ['artifacts.0.bytes', withArtifact({ bytes: null })],
    ['artifacts.0.sha256', withArtifact({ sha256: 'abc' })],
    ['artifacts.0.sha256', withArtifact({ sha256: 'A'.repeat(64) })],
    ['artifacts.0.meta', withArtifact({ meta: [] })],
    ['artifacts.1.artifact_id', { ...good, artifacts: [artifact, artifact] }],
    ['artifacts.1.artifact_id', { ...good, artifacts: [artifact, { ...artifact, kind: 'trades' }] }],
    ['inputs.0', { ...good, inputs: ['a/b/c'] }],
    ['inputs', { ...good, inputs: 'a/b/c/d' }],
    ['meta', { ...good, meta: 'text' }],
    ['provenance', { ...good, provenance: 1 }],
  ])('%s (case %#)', (field, manifest) => {
    const { code, details } = refusalOf(Buffer.from(JSON.stringify(manifest)));
    expect(code).toBe('MANIFEST_INVALID');
    expect(details.map(detail => detail.split(': ')[0])).toContain(field);
  });

  test('all problems at once, at most twenty of them told', () => {
    const bad = { ...good, run_id: '', artifacts: Array.from({ length: 50 }, () => ({ artifact_id: '/' })) };
    const { details } = refusalOf(Buffer.from(JSON.stringify(bad)));
    expect(details).toHaveLength(20);
    expect(details[0]).toMatch(/^run_id: /);
  });
});

describe('bytes that are no manifest at all', () => {
  test.each<[string, string, Uint8Array]>([
    ['empty', 'MANIFEST_INVALID', Buffer.from('')],
    ['not JSON', 'MANIFEST_INVALID', Buffer.from('job_id: 1')],
    ['not UTF-8', 'MANIFEST_INVALID', Buffer.from([0x7b, 0xff, 0x7d])],
    ['nested 100,000 deep', 'MANIFEST_INVALID', Buffer.from('['.repeat(100_000) + ']'.repeat(100_000))],
    ['a key twice', 'MANIFEST_INVALID', Buffer.from(JSON.stringify(good).replace('{', '{"run_id":"other",'))],
    ['__proto__', 'MANIFEST_INVALID', Buffer.from(JSON.stringify(good).replace('{', '{"__proto__":{"x":1},'))],
    ['a byte too large', 'TOO_LARGE', Buffer.alloc(maxManifestBytes + 1, ' ')],
    ['an operation that nobody knows', 'OPERATION_UNKNOWN', Buffer.from(JSON.stringify({ ...good, op: 'shutdown' }))],
    ['an operation that is no name', 'OPERATION_UNKNOWN', Buffer.from('{"op":{}}')],
  ])('%s is %s', (_what, code, bytes) => {
    expect(refusalOf(bytes).code).toBe(code);
  });

  test('a manifest of the largest size is taken', () => {
    const text = JSON.stringify(good);
    expect(parseManifest(Buffer.from(text.padEnd(maxManifestBytes))).job_id).toBe('job-1');
  });
});

test('artifacts of one id are told apart by their kinds', () => {
  const manifest = parse({ ...good, artifacts: [artifact, { ...artifact, kind: 'orders', relpath: 'o.parquet' }] });
  expect(manifest.artifacts.map(entry => manifestArtifactKey(manifest, entry))).toEqual([
    'run-1/simulation/trades/fills',
    'run-1/simulation/orders/fills',
  ]);
});

test.each(['2026-01-31T12:00:00Z', '2026-01-31 12:00:00.123456+00:00', '2024-02-29T23:59:59', '1969-12-31T00:00:00Z'])(
  '%s is a time',
  time => {
    expect(parse({ ...good, created_at_utc: time }).created_at_utc).toBe(time);
  },
);

test('fields that nobody knows, and everything in meta, come out as they went in', () => {
  const known = new Set([...Object.keys(good), 'manifest_version', 'op', 'inputs', 'meta', 'provenance', '__proto__']);
  const json = fc.jsonValue({ maxDepth: 3 }).filter(value => !JSON.stringify(value).includes('__proto__'));
  const objects = fc.dictionary(
    fc.string({ unit: 'grapheme' }).filter(key => key !== '__proto__'),
    json,
    { maxKeys: 5 },
  );
  fc.assert(
    fc.property(objects, objects, objects, (unknown, meta, artifactMeta) => {
      const extra = Object.fromEntries(Object.entries(unknown).filter(([key]) => !known.has(key)));
      const text = JSON.stringify({ ...extra, ...good, meta, artifacts: [{ ...artifact, meta: artifactMeta, extra }] });
      const parsed = parseManifest(Buffer.from(text));
      expect(parsed).toEqual({ ...JSON.parse(text), manifest_version: 1 });
    }),
  );
});

test('names that objects have by nature are kept as fields', () => {
  const text = '{"constructor":1,"toString":2,"hasOwnProperty":3,"meta":{"constructor":{"prototype":{"polluted":1}}},';
  const parsed = parseManifest(Buffer.from(JSON.stringify(good).replace('{', text)));
  expect(Object.entries(parsed)).toEqual(
    expect.arrayContaining([
      ['constructor', 1],
      ['toString', 2],
    ]),
  );
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

describe('a manifest on an object store', () => {
  const sha256 = 'a'.repeat(64);
  const parts = { producer: 'simulation', kind: 'trades', runId: 'run-1', artifactId: 'fills' };
  const object = storeObjectKey(parts, sha256);
  const stored = { artifact_id: 'fills', format: 'parquet', object, bytes: 10, sha256 };
  const parseStored = (...artifacts: object[]) =>
    parseObjectManifest(Buffer.from(JSON.stringify({ ...good, artifacts })));
  const detailsOf = (work: () => unknown): readonly string[] => {
    try {
      work();
    } catch (error) {
      expect((error as BusError).code).toBe('MANIFEST_INVALID');
      return (error as BusError).details;
    }
    throw new Error('the manifest was taken');
  };

  test('names an object by its content, each of its own kind', () => {
    expect(object).toBe(`store/simulation/trades/run-1@fills.${'a'.repeat(16)}.parquet`);
    const orders = { ...stored, kind: 'orders', object: storeObjectKey({ ...parts, kind: 'orders' }, sha256) };
    expect(parseStored(stored, orders).artifacts).toEqual([stored, orders]);
  });

  test.each([
    ['object', { ...stored, object: object.replace('simulation', 'another') }],
    ['object', { ...stored, object: object.replace('aaaa.', 'aaab.') }],
    ['object', { ...stored, object: `x/../${object}` }],
    ['object', { ...stored, kind: 'orders' }],
    ['bytes', { ...stored, bytes: undefined }],
    ['sha256', { ...stored, sha256: undefined }],
    ['relpath', { ...stored, relpath: 'fills.parquet' }],
    ['relpath', { ...stored, object: undefined }],
    ['relpath', { ...stored, object: undefined, relpath: 'fills.parquet' }],
  ])('is refused for its %s', (field, artifact) => {
    const details = detailsOf(() => parseStored(artifact));
    expect(details.length).toBe(1);
    expect(details[0]).toMatch(new RegExp(`^artifacts\\.0\\.${field}: `));
  });

  test('is not taken by a bus of files, nor is one with both', () => {
    expect(detailsOf(() => parse({ ...good, artifacts: [artifact, { ...stored, artifact_id: 'b' }] }))).toEqual([
      'artifacts.1.object: this bus takes files: name one by relpath',
    ]);
    expect(detailsOf(() => parse({ ...good, artifacts: [{ ...artifact, object }] }))[0]).toContain('never both');
  });

  test('may ask for an operation', () => {
    const op = { type: 'export', names: [], force: true };
    expect(parseObjectManifest(Buffer.from(JSON.stringify({ ...good, artifacts: [], op }))).op).toEqual(op);
  });
});
