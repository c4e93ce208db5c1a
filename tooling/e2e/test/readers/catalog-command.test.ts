import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, quantbotBus } from '../support/daemon-process.js';

const key = (run: string) => `${run}/tests/numbers/numbers`;

/**
 * A bus with three runs, one job each: the artifact of `b` derives from that of `a`, and that of
 * `c` from that of `b`.
 */
async function busOfThree(): Promise<TestBus> {
  const bus = makeTestBus();
  await drain(bus);
  for (const [runId, inputs] of [
    ['a', []],
    ['b', [key('a')]],
    ['c', [key('b')]],
  ] as const) {
    await submit(bus, { runId, inputs: [...inputs] });
    await drain(bus);
  }
  return bus;
}

const asker =
  (bus: TestBus) =>
  async (...args: string[]) => {
    const { code, stdout, stderr } = await quantbotBus(bus, 'catalog', ...args, '--json');
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout);
  };

test('latest is the newest artifact of a dataset, the one of an alias, or the one there was', async () => {
  const bus = await busOfThree();
  const ask = asker(bus);
  expect(await ask('latest', 'tests/numbers')).toMatchObject({ key: key('c'), seq: 3, rows: 3 });
  expect(await ask('latest', 'tests/numbers', '--as-of', '2')).toMatchObject({ key: key('b') });
  expect(await ask('latest', 'tests/numbers', '--artifact', 'numbers')).toMatchObject({ key: key('c') });
  const path = await quantbotBus(bus, 'catalog', 'latest', 'tests/numbers', '--path');
  expect(path.stdout).toBe(`${bus.layout.root}/store/tests/numbers/c@numbers.parquet\n`);
  await quantbotBus(bus, 'alias', 'set', 'tests/numbers@prod', key('a'));
  expect(await ask('latest', 'tests/numbers@prod')).toMatchObject({ key: key('a') });
  const people = await quantbotBus(bus, 'catalog', 'latest', 'tests/numbers');
  expect(people.stdout).toMatch(/^key {7}c\/tests\/numbers\/numbers\npath {6}\/.*\ncommit {4}seq 3, /);
});

test.each([
  ['a dataset that nobody has', ['latest', 'tests/nothing'], 'ARTIFACT_NOT_FOUND', 'catalog artifacts'],
  ['an alias that nobody has set', ['latest', 'tests/numbers@prod'], 'ARTIFACT_NOT_FOUND', 'alias list'],
  ['the lineage of a key that nobody knows', ['lineage', 'x/y/z/w'], 'ARTIFACT_NOT_FOUND', 'catalog artifacts'],
  ['what is no dataset', ['latest', 'numbers'], 'Write producer/kind', '--help'],
  ['what is no moment', ['runs', '--as-of', 'soon'], 'such as 2026-01-31T12:00:00Z', '--help'],
  ['what is no number', ['runs', '--limit', 'many'], 'Write a whole number', '--help'],
])('%s: the answer says what to do', async (_what, args, problem, cure) => {
  const bus = makeTestBus();
  await drain(bus);
  const { code, stdout, stderr } = await quantbotBus(bus, 'catalog', ...args);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain(problem);
  expect(stderr).toContain(cure);
});

test('artifacts and runs are listed newest first, filtered, as they were, and say when there are more', async () => {
  const bus = await busOfThree();
  await submit(bus, { runId: 'd', producer: 'others', kind: 'things', artifactId: 'one' });
  await drain(bus);
  const ask = asker(bus);
  const artifacts = async (...args: string[]) =>
    (await ask('artifacts', ...args)).map((artifact: { runId: string }) => artifact.runId);
  expect(await artifacts()).toEqual(['d', 'c', 'b', 'a']);
  expect(await artifacts('--producer', 'tests', '--kind', 'numbers', '--artifact', 'numbers')).toEqual(['c', 'b', 'a']);
  expect(await artifacts('--run', 'b')).toEqual(['b']);
  expect(await artifacts('--until', '2020-01-01')).toEqual([]);
  expect(await artifacts('--since', '2020-01-01', '--as-of', '2')).toEqual(['b', 'a']);
  const runs = await ask('runs', '--limit', '2');
  expect(runs.map((run: { runId: string; artifacts: number }) => [run.runId, run.artifacts])).toEqual([
    ['d', 1],
    ['c', 1],
  ]);
  const people = await quantbotBus(bus, 'catalog', 'artifacts', '--limit', '1');
  expect(people.stdout).toContain('d/others/things/one');
  expect(people.stdout).not.toContain(key('c'));
  expect(people.stdout).toContain('and 3 more; --limit shows them');
  expect((await quantbotBus(bus, 'catalog', 'runs', '--limit', '4')).stdout).not.toContain('more;');
});

test('lineage goes both ways, one step or all', async () => {
  const bus = await busOfThree();
  const ask = asker(bus);
  expect(await ask('lineage', key('b'))).toMatchObject({ inputs: [key('a')], outputs: [key('c')] });
  expect(await ask('lineage', key('c'), '--inputs', '--depth', 'all')).toMatchObject({
    inputs: [key('b'), key('a')],
    outputs: [],
  });
  expect(await ask('lineage', key('a'), '--outputs', '--depth', '1')).toMatchObject({
    inputs: [],
    outputs: [key('b')],
  });
  const people = await quantbotBus(bus, 'catalog', 'lineage', key('c'), '--depth', 'all');
  expect(people.stdout).toContain(`│    2 │ ${key('a')} │ ${key('b')} │`);
});
