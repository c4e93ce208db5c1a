import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ExampleBus, makeBus, root } from './bus.js';

const hasPython =
  spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))'], { stdio: 'ignore' }).status === 0;
const skipped = hasPython ? '' : ' (skipped: there is no python3 of 3.9 or newer)';

/** Returns the command of an example's README, and the output that it shows. */
function readme(example: string): { command: string; output: string } {
  const text = readFileSync(join(root, 'examples', example, 'README.md'), 'utf8');
  const block = (language: string) => text.match(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``))?.[1];
  const [command, output] = [block('sh'), block('text')];
  if (command === undefined || output === undefined) throw new Error(`The README of ${example} has no command.`);
  return { command, output };
}

const json = ({ code, stdout, stderr }: { code: number | null; stdout: string; stderr: string }) => {
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
};

describe('with a daemon that runs', () => {
  let bus: ExampleBus;
  beforeAll(async () => {
    bus = makeBus();
    await bus.start();
  });
  afterAll(() => bus.close());

  const asTheReadmeSays = async (example: string) => {
    const { command, output } = readme(example);
    expect(await bus.sh(command)).toEqual({ code: 0, stdout: output, stderr: '' });
    return command;
  };

  test('the TypeScript producer: its candles are those of the ticks; once more is a duplicate', async () => {
    const command = await asTheReadmeSays('typescript-producer');
    const sql = `SELECT token, count(*) AS hours, min(low) AS low, max(high) AS high, sum(volume) AS volume
      FROM canon.example_candles GROUP BY token ORDER BY token`;
    const ticks = readFileSync(join(root, 'examples/typescript-producer/ticks.csv'), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map(line => line.split(','));
    const expected = ['BONK', 'WIF'].map(token => {
      const own = ticks.filter(tick => tick[1] === token);
      const prices = own.map(tick => Number(tick[2]));
      return {
        token,
        hours: new Set(own.map(tick => tick[0]?.slice(0, 13))).size,
        low: Math.min(...prices),
        high: Math.max(...prices),
        volume: own.reduce((sum, tick) => sum + Number(tick[3]), 0),
      };
    });
    expect(json(await bus.cli('query', '--json', sql))).toEqual(expected);
    expect((await bus.sh(command)).stdout).toMatch(/^duplicate: 24 candles/);
  });

  test.skipIf(!hasPython)(`the Python producer: the journal becomes a table, in UTC${skipped}`, async () => {
    const command = await asTheReadmeSays('python-producer');
    const sql = 'SELECT ts, token, side, price, size, note FROM canon.example_trades ORDER BY price DESC, ts LIMIT 2';
    expect(json(await bus.cli('query', '--json', sql))).toEqual([
      {
        ts: expect.stringMatching(/^2026-01-30T06:30:00/),
        token: 'BONK',
        side: 'sell',
        price: 20.4,
        size: 150,
        note: 'into strength',
      },
      {
        ts: expect.stringMatching(/^2026-01-30T03:03:00/),
        token: 'BONK',
        side: 'buy',
        price: 20.11,
        size: 50,
        note: 'added to it',
      },
    ]);
    expect((await bus.sh(command)).stdout).toMatch(/^duplicate: 7 trades/);
  });

  test.skipIf(!hasPython)(`the notebook: every cell prints what the notebook shows${skipped}`, async () => {
    await asTheReadmeSays('notebook-reader');
    const notebook = 'examples/notebook-reader/reader.ipynb';
    const check = `python3 examples/notebook-reader/run_notebook.py ${notebook} --check`;
    expect(await bus.sh(`${check} > /dev/null`)).toEqual({ code: 0, stdout: '', stderr: '' });
    // Prove that the check works: with another output in the notebook it fails.
    const other = join(bus.folder, 'other.ipynb');
    writeFileSync(other, readFileSync(join(root, notebook), 'utf8').replace('example-desk ', 'somebody-else '));
    const failed = await bus.sh(check.replace(notebook, other));
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('shows something else') });
  });
});

describe('with a daemon that runs, and other data under the same key', () => {
  let bus: ExampleBus;
  beforeAll(async () => {
    bus = makeBus();
    await bus.start();
  });
  afterAll(() => bus.close());

  const examples = [
    ['typescript-producer', 'ticks.csv', true],
    ['python-producer', 'journal.csv', hasPython],
  ] as const;
  test.each(examples.filter(([, , runs]) => runs))('the %s says that it was rejected', async (example, data) => {
    const { command } = readme(example);
    expect((await bus.sh(command)).code).toBe(0);
    const changed = join(bus.folder, data);
    const path = `examples/${example}/${data}`;
    writeFileSync(changed, readFileSync(join(root, path), 'utf8').replace('BONK', 'PEPE'));
    const { code, stdout, stderr } = await bus.sh(command.replace(path, changed));
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^ARTIFACT_CONFLICT: .+\n$/),
    });
  });
});

describe('without a bus', () => {
  let bus: ExampleBus;
  beforeAll(() => {
    bus = makeBus();
  });
  afterAll(() => bus.close());

  test('the TypeScript producer says what is missing', async () => {
    const { code, stderr } = await bus.sh(readme('typescript-producer').command);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^BUS_ROOT_NOT_FOUND: .+\n$/) });
  });

  test.skipIf(!hasPython)(`the Python producer says what is missing${skipped}`, async () => {
    const { code, stderr } = await bus.sh(readme('python-producer').command);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^BUS_ROOT_NOT_FOUND: .+\n$/) });
  });

  test('the program with a daemon inside is its own bus, and leaves one that others can read', async () => {
    const { command, output } = readme('embedded-daemon');
    expect(await bus.sh(command)).toEqual({ code: 0, stdout: output, stderr: '' });
    const [folder] = readdirSync(bus.folder).filter(name => existsSync(join(bus.folder, name, 'prices.duckdb')));
    const config = join(bus.folder, folder ?? 'nowhere', 'bus_config.json');
    const sql = 'SELECT count(*) AS prices FROM canon.example_prices';
    expect(json(await bus.cli('query', '--config', config, '--json', sql))).toEqual([{ prices: 120 }]);
    expect(json(await bus.cli('status', '--config', config, '--json'))).toMatchObject({
      writer: null,
      jobs: { ingested: 3, rejected: 0 },
    });
  });
});

test('the list of examples names all of them', () => {
  const folders = readdirSync(join(root, 'examples'), { withFileTypes: true })
    .filter(entry => entry.isDirectory() && existsSync(join(root, 'examples', entry.name, 'README.md')))
    .map(entry => entry.name);
  const listed = [...readFileSync(join(root, 'examples/README.md'), 'utf8').matchAll(/\]\(([a-z-]+)\/?\)/g)];
  expect(listed.map(([, name]) => name).sort()).toEqual(folders.sort());
});
