import { canonicalSchemas, noteMode, TableRegistry, tableStarts } from '@quantbot/bus-format/canon';
import { writeSelect } from '@quantbot/tooling-testing/parquet';
import { testBusIn } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { compactor, runBatch } from '../../test/support/commits.js';
import { type InProcessBus, openInProcess } from '../../test/support/in-process-bus.js';
import { putClaimed } from '../../test/support/jobs.js';
import { compactHot } from './compaction/compact.js';
import { mustFitRows } from './declared-modes.js';
import { verify } from './stages/verify.js';

/** Commits artifacts of `canon.t`, each with rows of a key and a value, in a job each. */
async function commitRows({ bus, test }: InProcessBus, artifacts: readonly (readonly (string | null)[])[]) {
  for (const keys of artifacts) {
    const rows = keys.map((key, v) => `(${key === null ? 'NULL' : `'${key}'`}, ${v})`);
    const path = await writeSelect(
      test.folder,
      `SELECT k::VARCHAR AS k, v::INTEGER AS v FROM (VALUES ${rows}) r(k, v)`,
    );
    const jobId = `job-${bus.journal.lastSeq + 1}`;
    const manifest = { artifacts: [{ artifact_id: jobId, relpath: 'a.parquet', schema_hint: 'canon.t' }] };
    await runBatch(bus, await verify(bus, [putClaimed(bus, { jobId, files: { 'a.parquet': path }, manifest })]));
  }
}

/** Opens the bus as a start with this declaration of `canon.t` would. */
async function declaring({ bus, test }: InProcessBus, declaration: Record<string, unknown>) {
  const { config } = testBusIn(test.folder, { canon: { tables: { t: declaration } } });
  const starts = tableStarts(await bus.journal.tableOperations());
  const tables = TableRegistry.replay(await canonicalSchemas(bus.journal), config.canon.tables, { starts });
  return { ...bus, config, tables };
}

const refusal = (bus: Parameters<typeof mustFitRows>[0]) =>
  mustFitRows(bus).then(
    () => undefined,
    ({ code, message, details, hint }) => ({ code, message, details, hint }),
  );

const upsert = { mode: 'upsert', key: ['k'] };

test('a new key that is NULL in some row is refused, and the first such artifact is named', async () => {
  const opened = await openInProcess();
  await commitRows(opened, [['a', 'b'], ['c'], ['a', null, null], ['d'], [null]]);
  const refused = await refusal(await declaring(opened, upsert));
  expect(refused).toMatchObject({
    code: 'CONFIG_INVALID',
    details: ['k: NULL in 2 of 3 rows, and every row must have a value'],
  });
  expect(refused?.message).toMatch(/^canon\.tables\.t\.key does not fit \S+\/job-3\.$/);
  expect(await refusal(await declaring(opened, { mode: 'upsert', key: ['v'] }))).toBeUndefined();
  expect(await refusal(await declaring(opened, { mode: 'latest' }))).toBeUndefined();
  expect(await refusal(await declaring(opened, {}))).toBeUndefined();
});

test('a declaration that the compacted files have followed is not looked at again', async () => {
  const opened = await openInProcess();
  await commitRows(opened, [[null]]);
  const bus = await declaring(opened, upsert);
  expect(await refusal(bus)).toMatchObject({ code: 'CONFIG_INVALID' });
  const table = bus.tables.get('t');
  if (table === undefined) throw new Error('there is no table');
  await noteMode(bus.layout, table, 7); // as an older version did, and after a later turn
  expect(await refusal(bus)).toBeUndefined();
  expect(await refusal(await declaring(opened, { ...upsert, order_by: ['v'] }))).toMatchObject({
    code: 'CONFIG_INVALID',
  });
});

test.each([
  ['upsert', upsert],
  ['latest', { mode: 'latest' }],
])('%s is refused for a table that alone has the rows of forgotten artifacts', async (_, declaration) => {
  const opened = await openInProcess();
  const { bus } = opened;
  await commitRows(opened, [['a', 'b'], ['a']]);
  expect(await refusal(await declaring(opened, declaration))).toBeUndefined();
  const [first] = await bus.journal.query<{ artifact_key: string }>(
    `SELECT artifact_key FROM _bus.journal WHERE status = 'ingested' ORDER BY seq`,
  );
  const forget = async (jobId: string, rows: string) => {
    const who = { reason: null, by: null };
    const op = { type: 'forget', artifact_keys: [first?.artifact_key ?? ''], force: true, rows, ...who };
    const asked = putClaimed(bus, { jobId, files: {}, manifest: { artifacts: [], op } });
    await runBatch(bus, await verify(bus, [asked]));
    await compactHot(bus, compactor);
  };
  await forget('forget', 'default');
  const refused = await refusal(await declaring(opened, declaration));
  expect(refused).toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'canon.tables.t would lose rows of forgotten artifacts for ever.',
  });
  expect(refused?.details[0]).toContain(`has 2 rows of forgotten artifacts, the first of ${first?.artifact_key}.`);
  expect(refused?.hint).toContain('forget KEY --rows drop --apply');
  expect(await refusal(await declaring(opened, {}))).toBeUndefined();
  await forget('erase', 'drop');
  expect(await refusal(await declaring(opened, declaration))).toBeUndefined();
});
