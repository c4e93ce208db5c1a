import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '@quantbot/tooling-testing/child';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { cliPath, drain, quantbotBus, startDaemon } from '../support/daemon-process.js';

const source = ['--producer', 'shell', '--kind', 'numbers'];

async function openedBus() {
  const bus = makeTestBus();
  await drain(bus);
  const submit = (...args: string[]) => quantbotBus(bus, 'submit', ...args);
  const rows = async (sql: string) =>
    JSON.parse((await quantbotBus(bus, 'query', sql, '--json')).stdout) as Record<string, unknown>[];
  return { bus, submit, rows };
}

test('files are one job, each an artifact with the name of its file', async () => {
  const { bus, submit, rows } = await openedBus();
  const files = [await produce(bus, numbers(2)), await produce(bus, numbers(3))];
  const said = await submit(...files, ...source, '--run-id', 'r', '--schema-hint', 'canon.numbers');
  expect(said, said.stderr).toMatchObject({ code: 0, stdout: expect.stringMatching(/^submitted .*-shell-/) });
  await drain(bus);
  expect(await rows('SELECT artifact_key, rows, seq FROM catalog.artifacts_f ORDER BY rows')).toEqual(
    [2, 3].map((count, index) => ({
      artifact_key: `r/shell/numbers/${/([^/]+)\.parquet$/.exec(files[index] ?? '')?.[1]}`,
      rows: count,
      seq: 1,
    })),
  );
  expect(await rows('SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: 5 }]);
});

test('everything that a manifest can say is taken over, and the receipt printed', async () => {
  const { bus, submit, rows } = await openedBus();
  const file = await produce(bus, numbers(2));
  await startDaemon(bus);
  const first = await submit(file, ...source, '--artifact-id', 'a', '--job-id', 'first', '--wait', '1m', '--json');
  const { status, job_id, artifacts, receipt } = JSON.parse(first.stdout);
  expect({ status, job_id }).toEqual({ status: 'ingested', job_id: 'first' });
  expect(receipt.artifacts[0].key).toBe(artifacts[0].key);
  const input = artifacts[0].key as string;
  const meta = '{"day":"2026-01-31","ratio":0.1}';
  const options = ['--run-id', 'r', '--rows', '2', '--input', input, '--meta-json', meta, '--move', '--wait'];
  const second = await submit(file, ...source, ...options);
  expect(second.stdout).toMatch(/^ingested .*, seq 2\n {2}r\/shell\/numbers\/.* \(2 rows, \d+ bytes\)\n$/);
  expect(() => readFileSync(file)).toThrow('ENOENT');
  expect(await rows('SELECT inputs, meta_json FROM catalog.artifacts_f WHERE seq = 2')).toEqual([
    { inputs: [input], meta_json: meta },
  ]);
});

test('a hint that names no table but looks like a mistake is taken, with a warning there and in the receipt', async () => {
  const { bus } = await openedBus();
  await startDaemon(bus);
  const args = [
    'submit',
    await produce(bus, numbers(2)),
    ...source,
    '--schema-hint',
    'trades',
    '--wait',
    '1m',
    '--json',
  ];
  const command = startChild(process.execPath, [cliPath, ...args, '--config', bus.configPath], bus.folder);
  expect(await command.ended, command.stderr()).toEqual({ code: 0, signal: null });
  const warning = 'The schema hint trades names no canonical table';
  expect(command.stderr()).toMatch(new RegExp(`^SchemaHintWarning: ${warning}.*write canon\\.trades.*\n$`));
  const { warnings, receipt } = JSON.parse(command.stdout());
  expect(warnings).toEqual([expect.stringContaining(warning)]);
  expect(receipt.warnings).toEqual(warnings);
});

test('a mistake, a rejection, a daemon that does not run and a bus that is not there have exit codes of their own', async () => {
  const { bus, submit } = await openedBus();
  const file = await produce(bus, numbers(2));
  const text = join(bus.folder, 'table.csv');
  writeFileSync(text, 'a,b\n1,2\n');
  expect(await submit(text, ...source)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`NOT_PARQUET: ${text} is a CSV file, not Parquet.`),
  });
  expect(await submit(file, file, ...source, '--rows', '2')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('--rows is of one file, and there are 2'),
  });
  for (const meta of ['{', '[]', '{"a":1,"a":2}'])
    expect(await submit(file, ...source, '--meta-json', meta)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('error: --meta-json'),
    });
  expect(await submit(file, ...source, '--wait', '0s')).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('SETTLE_TIMEOUT'),
  });
  expect(await submit(file, ...source, '--bus-root', join(bus.folder, 'nothing'))).toMatchObject({
    code: 5,
    stderr: expect.stringContaining('BUS_ROOT_NOT_FOUND'),
  });
  await drain(bus);
  await startDaemon(bus);
  expect(await submit(file, ...source, '--schema-hint', 'canon.no-name', '--wait')).toMatchObject({ code: 1 });
  const options = ['--run-id', 'r', '--artifact-id', 'a', '--schema-hint', 'canon.numbers', '--wait'];
  expect(await submit(file, ...source, ...options)).toMatchObject({ code: 0 });
  const other = await produce(bus, numbers(3));
  expect(await submit(other, ...source, ...options)).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('CONFLICT'),
  });
});
