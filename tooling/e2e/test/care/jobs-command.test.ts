import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, quantbotBus } from '../support/daemon-process.js';

/** A bus with one job in each state, named after the state. */
async function busOfStates(): Promise<TestBus> {
  const bus = makeTestBus();
  await drain(bus);
  const parquetPath = await produce(bus, numbers(3));
  await submit(bus, { jobId: 'ingested', runId: 'r', parquetPath });
  await drain(bus);
  await submit(bus, { jobId: 'duplicate', runId: 'r', parquetPath });
  writeToInbox(bus, { jobId: 'rejected', manifest: '{' });
  await drain(bus);
  writeToInbox(bus, { jobId: 'claimed' });
  mkdirSync(bus.layout.claimed, { recursive: true });
  renameSync(join(bus.layout.inbox, 'claimed'), join(bus.layout.claimed, '0123456789abcdef~claimed'));
  writeToInbox(bus, { jobId: 'waiting' });
  writeToInbox(bus, { jobId: 'uncommitted', commit: null });
  return bus;
}

const list = async (bus: TestBus, ...args: string[]) => {
  const { code, stdout, stderr } = await quantbotBus(bus, 'jobs', ...args, '--json');
  expect(code, stderr).toBe(0);
  return (JSON.parse(stdout) as { jobId: string; state: string }[]).map(({ jobId, state }) => {
    expect(jobId).toBe(state);
    return jobId;
  });
};

test('jobs are told in every state that they can be in, those on their way first', async () => {
  const bus = await busOfStates();
  const all = await list(bus);
  expect(all.slice(0, 3).sort()).toEqual(['claimed', 'uncommitted', 'waiting']);
  expect(all.slice(3).sort()).toEqual(['duplicate', 'ingested', 'rejected']);
  for (const state of all) expect(await list(bus, '--state', state)).toEqual([state]);
  expect(await list(bus, '--run', 'r', '--producer', 'tests', '--kind', 'numbers')).toEqual(['duplicate', 'ingested']);
  expect(await list(bus, '--code', 'MANIFEST_INVALID')).toEqual(['rejected']);
  expect(await list(bus, '--since', '1h', '--until', '2100-01-01')).toHaveLength(3);
  expect(await list(bus, '--until', 'yesterday')).toEqual([]);
  expect(await list(bus, '--limit', '4')).toEqual(all.slice(0, 4));
});

test('one job is told with what became of it, and what to do when it was rejected', async () => {
  const bus = await busOfStates();
  const show = async (job: string) => (await quantbotBus(bus, 'jobs', job)).stdout;
  expect(await show('waiting')).toMatch(/^job {7}waiting\nstate {5}waiting\nsince {5}\d{4}-/);
  expect(await show('claimed')).toContain('state     claimed');
  expect(await show('ingested')).toContain('origin    run r, tests/numbers\ncontent   1 artifacts, 3 rows');
  expect(await show('rejected')).toMatch(/rejected {2}MANIFEST_INVALID: .*\nTry: quantbot-bus rejected rejected\n$/);
  const people = await quantbotBus(bus, 'jobs', '--limit', '4');
  expect(people.stdout).toContain('and 2 more; --limit shows them');
});

test.each([
  [['jobs', 'nobody'], 'JOB_NOT_FOUND', 'Run `quantbot-bus jobs`'],
  [['rejected', 'nobody'], 'JOB_NOT_FOUND', 'Run `quantbot-bus rejected`'],
  [['jobs', '--state', 'lost'], 'Allowed choices are', '--help'],
  [['table', 'set-mode', 'trades', 'newest'], 'The modes are append, latest, upsert', '--help'],
])('%j: the answer says what to do', async (args, problem, cure) => {
  const bus = makeTestBus();
  await drain(bus);
  const { code, stderr } = await quantbotBus(bus, ...args);
  expect(code).toBe(1);
  expect(stderr).toContain(problem);
  expect(stderr).toContain(cure);
});

test.each(['jobs', 'rejected', 'gc', 'verify'])('where no daemon has ever run, %s says so', async command => {
  const { code, stderr } = await quantbotBus(makeTestBus(), command);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^BUS_ROOT_NOT_FOUND: .*\nTry: .*quantbot-bus start/);
});
