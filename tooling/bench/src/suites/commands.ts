import { execFileSync, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { daemonCli, makeBus } from '../bus.js';
import { childCpuSeconds } from '../memory.js';
import { type Row, round } from '../results.js';
import { makeFiles } from '../workload.js';

/** One start takes a few ticks of the kernel's clock, so a figure is the mean of this many. */
const starts = 10;

/** Processor time of commands and programs, from a cold start to the end. */
export async function commandRows(folder: string): Promise<Row[]> {
  const bus = await makeBus(join(folder, 'bus-commands'), { export: { enabled: false } });
  const { files } = await makeFiles(join(folder, 'files'), '30 KB', 1);
  const config = ['--config', join(bus.folder, 'bus_config.json')];
  const command = (...args: string[]) => [process.execPath, daemonCli, ...args];
  const infra = dirname(createRequire(import.meta.url).resolve('@quantbot/infra/package.json'));
  const utils = `import('file://${join(infra, 'dist/utils/index.js')}')`;
  const submitScript = fileURLToPath(new URL('../../../scripts/bus_submit.py', import.meta.url));
  let submitted = 0;
  const submission = () => [
    ...['--bus-root', bus.root, '--run-id', `r${++submitted}`, '--producer', 'bench', '--kind', 'ticks'],
    ...['--artifact-id', 'a', '--parquet', files[0] as string],
  ];
  const programs: [string, () => string[]][] = [
    ['an empty Node.js process', () => [process.execPath, '-e', '']],
    ['quantbot-bus --version', () => command('--version')],
    ['quantbot-bus status', () => command('status', ...config)],
    ['quantbot-bus query', () => command('query', 'SELECT 1', ...config)],
    ["import '@quantbot/infra/utils'", () => [process.execPath, '--input-type=module', '-e', `await ${utils}`]],
    ['an empty Python process', () => ['python3', '-c', '']],
    ['bus_submit.py, a file of 30 KB', () => ['python3', submitScript, ...submission()]],
  ];
  const runs = ([, args]: [string, () => string[]]) => spawnSync(args()[0] as string, ['--version']).status === 0;
  return programs.filter(runs).map(([what, args]) => ({ what, cpu_ms: cpuMs(args) }));
}

/** Returns the mean processor time of a start (milliseconds). */
function cpuMs(commandLine: () => string[]): number {
  const run = () => {
    const [program = '', ...args] = commandLine();
    execFileSync(program, args, { stdio: 'ignore' });
  };
  run(); // The first start reads files from the disk.
  const before = childCpuSeconds();
  for (let i = 0; i < starts; i++) run();
  return round(((childCpuSeconds() - before) * 1000) / starts);
}
