import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { submitArtifact } from '@quantbot/infra/utils';
import { drain, makeBus } from '../bus.js';
import { median, type Row, round, type Suite } from '../results.js';
import { makeFiles } from '../workload.js';
import { commandRows } from './commands.js';

const packages = ['infra', 'storage', 'bus-daemon', 'lab', 'backtest'];

/** Start times: of the daemon to its first commit, and of importing a package. */
export const start: Suite = async ({ folder, quick, say }) => {
  const rows: Row[] = [];
  for (const waiting of quick ? [1, 100] : [1, 10_000]) {
    say(`start: ${waiting} waiting jobs`);
    const bus = await makeBus(join(folder, `bus-${waiting}`), { export: { enabled: false } });
    const { files } = await makeFiles(join(folder, 'files'), '1 KB', 1);
    for (let i = 0; i < waiting; i++)
      await submitArtifact({
        busRoot: bus.root,
        runId: `r${i}`,
        producer: 'bench',
        kind: 'ticks',
        artifactId: 'a',
        parquetPath: files[0] as string,
      });
    const { firstCommitSeconds } = await drain(bus);
    rows.push({
      what: `start to first commit, ${waiting.toLocaleString('en')} waiting`,
      seconds: round(firstCommitSeconds),
    });
  }
  say('start: commands');
  rows.push(...(await commandRows(folder)), ...packageRows(folder, quick, say));
  return {
    suite: 'start',
    title: 'Starting, installing, importing',
    how: 'The processor time of a command is from its start to its end: the mean of ten warm starts. Import: the time of a process that imports the package and exits, minus that of one that imports nothing; medians of seven. Size: the packed tarball, and the package with everything that npm installs for it.',
    rows,
    skipped: [],
  };
};

function packageRows(folder: string, quick: boolean, say: (text: string) => void): Row[] {
  const nothing = importMs('');
  return packages.map(name => {
    say(`start: @quantbot/${name}`);
    const root = join(dirname(createRequire(import.meta.url).resolve('@quantbot/infra/package.json')), '..', name);
    const row: Row = {
      what: `@quantbot/${name}`,
      import_ms: Math.round(importMs(`file://${join(root, 'dist/index.js')}`) - nothing),
    };
    if (!quick) row.packed_kb = Math.round(statSync(pack(root, join(folder, 'packed'))).size / 1024);
    return row;
  });
}

function importMs(url: string): number {
  const times = Array.from({ length: 7 }, () => {
    const from = performance.now();
    execFileSync(process.execPath, ['--input-type=module', '-e', url === '' ? '' : `await import('${url}')`]);
    return performance.now() - from;
  });
  return median(times);
}

function pack(root: string, target: string): string {
  mkdirSync(target, { recursive: true });
  writeFileSync(join(target, '.keep'), '');
  const before = new Set(readdirSync(target));
  execFileSync('npm', ['pack', '--silent', '--pack-destination', target], { cwd: root, stdio: 'ignore' });
  return join(target, readdirSync(target).find(name => !before.has(name)) as string);
}
