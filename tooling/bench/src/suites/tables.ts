import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BenchBus, daemonCli, drain, makeBus, startDaemon } from '../bus.js';
import { cpuSecondsOfTree } from '../memory.js';
import { type Row, round, type Suite } from '../results.js';
import { submitFiles } from '../submit-files.js';
import { makeFiles } from '../workload.js';

const rowsOfATable = 330;
const settings = { canon: { max_new_tables_per_hour: 10_000 } };
const deadlineMs = 600_000;

/** Many small canonical tables: their exports, the start, and what people ask for. */
export const tables: Suite = async ({ folder, quick, say }) => {
  const { files } = await makeFiles(join(folder, 'files'), '30 KB', 1, rowsOfATable);
  const file = files[0] as string;
  const rows: Row[] = [];
  for (const count of quick ? [30] : [300, 3000]) {
    say(`tables: ${count}`);
    const bus = await makeBus(join(folder, `bus-${count}`), { ...settings, export: { enabled: false } });
    await submitToEach(bus, file, count, 'first');
    const filled = await drain(bus);
    // From here on each table has an export, and all of them are stale.
    writeFileSync(join(bus.folder, 'bus_config.json'), JSON.stringify(settings));
    const daemon = await startDaemon(bus);
    try {
      const first = await untilExported(bus, daemon.pid, count);
      await submitToEach(bus, file, count, 'second', true);
      const second = await untilExported(bus, daemon.pid, count * 2);
      rows.push({
        what: `${count.toLocaleString('en')} tables of ${rowsOfATable} rows`,
        fill_s: round(filled.seconds),
        exports_s: round(first.seconds),
        exports_cpu_s: round(first.cpuSeconds),
        again_s: round(second.seconds),
        again_cpu_s: round(second.cpuSeconds),
        status_s: round(secondsOf(bus, ['status'])),
        query_s: round(secondsOf(bus, ['query', 'SELECT count(*) FROM canon.t0'])),
      });
    } finally {
      await daemon.stop();
    }
    (rows.at(-1) as Row).start_s = round((await drain(bus)).readySeconds);
  }
  return {
    suite: 'tables',
    title: 'Many canonical tables',
    how: `Each table gets one job of ${rowsOfATable} rows while exports are off. A daemon with default settings then exports all of them (exports). Each table gets a second job, and the time from the last submission until all exports have it follows (again). The processor time is that of the daemon and all its processes. Status, query and start are whole processes.`,
    rows,
    skipped: [],
  };
};

/** Submits a job to each table, and waits for the last one. */
async function submitToEach(bus: BenchBus, file: string, count: number, name: string, wait = false): Promise<void> {
  for (let i = 0; i < count; i++) {
    const task = {
      busRoot: bus.root,
      name: `${name}-${i}`,
      files: [file],
      schemaHint: `canon.t${i}`,
      artifactsPerJob: 1,
    };
    for await (const submission of submitFiles(task))
      if (wait && i === count - 1) await submission.settled({ timeoutMs: 600_000 });
  }
}

/** Waits until the exports have the rows of these jobs. */
async function untilExported(bus: BenchBus, pid: number, jobs: number) {
  const [from, cpuBefore] = [performance.now(), cpuSecondsOfTree(pid)];
  for (;;) {
    if (performance.now() - from > deadlineMs) throw new Error('The exports were not written in time.');
    const { exports } = JSON.parse(readFileSync(join(bus.exportDir, '_export_status.json'), 'utf8')) as {
      exports: Record<string, { rows: number }>;
    };
    const written = Object.values(exports).reduce((sum, { rows }) => sum + rows, 0);
    if (written >= jobs * rowsOfATable) break;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  return { seconds: (performance.now() - from) / 1000, cpuSeconds: cpuSecondsOfTree(pid) - cpuBefore };
}

function secondsOf(bus: BenchBus, args: readonly string[]): number {
  const from = performance.now();
  execFileSync(process.execPath, [daemonCli, ...args, '--config', join(bus.folder, 'bus_config.json')], {
    stdio: 'ignore',
  });
  return (performance.now() - from) / 1000;
}
