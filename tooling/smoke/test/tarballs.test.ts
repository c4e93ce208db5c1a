import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Runtime, runtimes } from '../src/node-versions.js';
import { firstExample, Project } from '../src/project.js';
import { pack } from '../src/tarballs.js';

const root = mkdtempSync(join(tmpdir(), 'quantbot-smoke-'));
const tarballs = pack(root);
const { found, missing } = runtimes([20, 22, 24], root);
for (const major of missing) console.log(`skipped: Node ${major} cannot be fetched here`);

afterAll(() => rmSync(root, { recursive: true, force: true }));

const examples = {
  infra: 'submit',
  storage: 'read',
  'bus-daemon': 'embed',
  backtest: 'slice',
  lab: 'simulate',
} as const;

/** Creates candles for the examples of the producers, with the installed packages. */
const candles = `import { writeParquet } from '@quantbot/storage';
import { candleSchema } from '@quantbot/backtest';
const rows = Array.from({ length: 900 }, (_, day) => {
  const open = 2500 + 300 * Math.sin(day / 40) + day / 2;
  return { token_address: 'SPX', chain: 'nyse', timestamp: new Date(Date.UTC(2018, 0, 1 + day)), open, high: open + 12, low: open - 12, close: open + 5, volume: 1e6 };
});
await writeParquet('candles.parquet', rows, candleSchema);`;

const options = (extra: object) =>
  JSON.stringify({
    compilerOptions: {
      target: 'es2022',
      lib: ['es2023', 'esnext.disposable'],
      strict: true,
      types: ['node'],
      ...extra,
    },
    include: ['*.ts'],
  });

let compiled: string | undefined;

/**
 * Type-checks the examples in both ways of resolution, and compiles them once for all versions of
 * Node.js.
 */
function compile(project: Project): void {
  if (compiled === undefined) {
    project.install('typescript@7.0.2', '@types/node@20');
    for (const [name, example] of Object.entries(examples)) project.write(`${example}.ts`, firstExample(name));
    project.write('tsconfig.json', options({ module: 'nodenext' }));
    project.write('tsconfig.bundler.json', options({ module: 'esnext', moduleResolution: 'bundler', noEmit: true }));
    project.bin('tsc', '-p', 'tsconfig.bundler.json');
    project.bin('tsc', '-p', 'tsconfig.json');
    compiled = project.folder;
  } else
    for (const name of Object.values(examples))
      cpSync(join(compiled, `${name}.js`), join(project.folder, `${name}.js`));
}

describe.each(found)('the tarballs in an empty project on Node $version', (runtime: Runtime) => {
  test('install, compile, run the first example of each README, and ingest a job', { timeout: 900_000 }, async () => {
    const project = new Project(join(root, runtime.version), runtime);
    project.install(...Object.values(tarballs));
    compile(project);
    project.write('candles.js', candles);
    project.node('candles.js');

    expect(project.node('read.js')).toContain('price: 4512.5');
    const code = await project.whileDaemonRuns(() => {
      expect(project.node('submit.js')).toMatch(/submitted \S+: 1 rows\nstored at .*trades\.parquet/);
      expect(project.node('slice.js')).toContain('261 candles of 1 calls in ');
      expect(project.node('simulate.js')).toMatch(/^\d+ trades, -?[\d.]+ %$/m);
      const answer = project.bin('quantbot-bus', 'query', '--json', 'SELECT token, price FROM canon.trades');
      expect(JSON.parse(answer)).toEqual([{ token: 'SPX', price: 4500.25 }]);
      expect(project.bin('quantbot-bus', 'verify')).toMatch(/\d/);
    });
    expect(code).toBe(0);
  });
});

test('@quantbot/infra installs without native code, and in plain JavaScript', { timeout: 300_000 }, () => {
  const [runtime] = found as [Runtime];
  const project = new Project(join(root, 'infra'), runtime);
  project.install(tarballs.infra as string);
  const native = readdirSync(join(project.folder, 'node_modules'), { recursive: true }).filter(name =>
    /\.(node|so|dll|dylib)$|binding\.gyp$/.test(String(name)),
  );
  expect(native).toEqual([]);
  project.write(
    'write.js',
    `import { readParquetFooter, writeSmallParquet } from '@quantbot/infra/utils';
     await writeSmallParquet('x.parquet', { columns: { i: 'int64' }, rows: [{ i: 1 }] });
     console.log((await readParquetFooter('x.parquet')).rows);`,
  );
  expect(project.node('write.js')).toBe('1\n');
});
