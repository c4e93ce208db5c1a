import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Child, packageFolder, startChild } from './support/child.js';
import { drain, startDaemon } from './support/daemon-process.js';
import { eventually } from './support/eventually.js';
import { numbers, produce } from './support/parquet.js';
import { hasPython, pythonWithDataTools, repository, skippedWithoutPython } from './support/python.js';
import { query } from './support/readers.js';
import { submit } from './support/submit.js';
import { makeTestBus, type TestBus } from './support/test-bus.js';

/** Node that takes TypeScript, in one process, so that what is sent to it reaches the program. */
const node = [process.execPath, '--import', import.meta.resolve('tsx')];

/** A bus in a project that has the packages installed. */
function project(): TestBus {
  const bus = makeTestBus();
  const scope = join(bus.folder, 'node_modules/@quantbot');
  mkdirSync(scope, { recursive: true });
  for (const name of ['infra', 'storage', 'bus-daemon'])
    symlinkSync(join(packageFolder, `../${name}`), join(scope, name));
  writeFileSync(join(bus.folder, 'package.json'), '{ "type": "module" }');
  return bus;
}

/** Copies an example into the project and starts it there. */
function start(bus: TestBus, path: string, [command = '', ...before]: readonly string[], ...args: string[]): Child {
  const name = path.split('/').at(-1) ?? '';
  writeFileSync(join(bus.folder, name), readFileSync(join(repository, 'examples', path)));
  return startChild(command, [...before, name, ...args], bus.folder, { PYTHONPATH: join(repository, 'python/src') });
}

async function outcome(child: Child) {
  const { code } = await child.ended;
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

test('typescript-producer: two tables as one job, again as a duplicate, and kept for later while the bus is away', async () => {
  const bus = project();
  const run = () => outcome(start(bus, 'typescript-producer/produce.ts', node, 'run-1'));
  expect(await run()).toMatchObject({ code: 75, stderr: expect.stringContaining('BUS_ROOT_NOT_FOUND') });
  const daemon = await startDaemon(bus);
  const keys = ['prices', 'equity'].map(id => `run-1/example/walk/${id} (1000 rows)`).join(', ');
  expect(await run()).toEqual({ code: 0, stdout: `ingested: ${keys}\n`, stderr: '' });
  expect(await run()).toEqual({ code: 0, stdout: `duplicate: ${keys}\n`, stderr: '' });
  expect(await query(bus, 'SELECT count(*)::INTEGER AS n FROM canon.example_equity')).toEqual([{ n: 1000 }]);
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
});

test.skipIf(!hasPython)(
  `python-producer: a folder as one job, and the same job again${skippedWithoutPython}`,
  async () => {
    const bus = project();
    const daemon = await startDaemon(bus);
    const results = join(bus.folder, 'results');
    mkdirSync(results);
    for (const name of ['a', 'b'])
      renameSync(await produce(bus, numbers(3, `, '${name}' AS name`)), join(results, `${name}.parquet`));
    const run = () => outcome(start(bus, 'python-producer/submit_folder.py', ['python3'], 'results', '--run-id', 'py'));
    expect(await run()).toEqual({ code: 0, stdout: 'ingested: a, b\n', stderr: '' });
    expect(await run()).toEqual({ code: 0, stdout: 'ingested: a, b\n', stderr: '' }); // the receipt of the one job
    expect(await query(bus, 'SELECT count(DISTINCT job_id)::INTEGER AS n FROM catalog.jobs_f')).toEqual([{ n: 1 }]);
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  },
);

test.skipIf(!hasPython)(
  `notebook-reader: all its cells, one after another${skippedWithoutPython}`,
  { timeout: 300_000 },
  async context => {
    const python = pythonWithDataTools();
    if (python === undefined) return context.skip('DuckDB for Python cannot be installed here');
    const bus = project();
    const daemon = await startDaemon(bus);
    await outcome(start(bus, 'typescript-producer/produce.ts', node, 'run-1'));
    const { cells } = JSON.parse(readFileSync(join(repository, 'examples/notebook-reader/read.ipynb'), 'utf8')) as {
      cells: { cell_type: string; source: string[] }[];
    };
    const code = cells.filter(({ cell_type }) => cell_type === 'code').map(({ source }) => source.join(''));
    writeFileSync(join(bus.folder, 'cells.py'), code.join('\n\n'));
    const child = startChild(python, ['cells.py'], bus.folder);
    expect(await outcome(child)).toEqual({ code: 0, stdout: '1000 rows, newest run run-1\n', stderr: '' });
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  },
);

test('embedded-daemon: it ingests, serves its dashboard, and ends in order', async () => {
  const bus = project();
  await drain(bus);
  const program = start(bus, 'embedded-daemon/embedded.ts', node);
  await eventually(program.stdout, text => text.includes('dashboard on http://127.0.0.1:'));
  const [url = ''] = /http:\/\/\S+/.exec(program.stdout()) ?? [];
  await eventually(
    async () => (await fetch(`${url}/readyz`)).status,
    status => status === 200,
  );
  await (await submit(bus)).settled();
  await eventually(program.stdout, text => text.includes('1 jobs ingested, 0 waiting'));
  program.process.kill('SIGTERM');
  expect(await outcome(program)).toMatchObject({ code: 0, stdout: expect.stringMatching(/ended\n$/) });
});
