import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BenchBus, beginTable, makeBus, startDaemon } from '../bus.js';
import { type Row, round, type Suite } from '../results.js';
import { submitFiles } from '../submit-files.js';
import { makeFiles } from '../workload.js';

const table = 'canon.ticks';

/** Ingestion into a large table beside its exports, against ingestion without exports. */
export const beside: Suite = async ({ folder, quick, say }) => {
  const large = await makeFiles(join(folder, 'files'), quick ? '1 MB' : '100 MB', 1);
  const small = await makeFiles(join(folder, 'files'), '1 KB', 20);
  const jobs = quick ? 1_000 : 10_000;
  const files = Array.from({ length: jobs }, (_, i) => small.files[i % small.files.length] as string);
  const rows: Row[] = [];
  const ways: [what: string, settings: object][] = [
    ['without exports', { enabled: false }],
    ['beside exports', {}],
    ['beside exports without a limit (max_share: 1)', { max_share: 1 }],
  ];
  for (const [what, settings] of ways) {
    say(`beside: ${what}`);
    const bus = await makeBus(join(folder, `bus-${rows.length}`), { export: settings });
    await beginTable(bus, large.files[0] as string, table);
    const daemon = await startDaemon(bus);
    const from = performance.now();
    let last: { settled(options: { timeoutMs: number }): Promise<unknown> } | undefined;
    const task = { busRoot: bus.root, name: 'job', files, schemaHint: table, artifactsPerJob: 1 };
    for await (const submission of submitFiles(task)) last = submission;
    await last?.settled({ timeoutMs: 600_000 });
    const perSecond = jobs / ((performance.now() - from) / 1000);
    const first = rows[0]?.jobs_per_s;
    rows.push({
      what,
      jobs,
      jobs_per_s: round(perSecond),
      of_the_rate_without: round(perSecond / Number(first ?? perSecond)),
      last_export_s: lastExportSeconds(bus),
    });
    await daemon.stop();
  }
  return {
    suite: 'beside',
    title: 'Ingestion beside exports of a large table',
    how: `One producer submits jobs of 12 rows, one after the other, into a canonical table of ${large.rows.toLocaleString('en')} rows, while the daemon keeps the export of that table fresh. The time is from the first submission until the last job is settled. All other settings have their defaults.`,
    rows,
    skipped: [],
  };
};

/** Returns the seconds of the last export; null if there was none. */
function lastExportSeconds(bus: BenchBus): number | null {
  const { exports } = JSON.parse(readFileSync(join(bus.exportDir, '_export_status.json'), 'utf8')) as {
    exports: Record<string, { duration_ms: number }>;
  };
  return exports.ticks === undefined ? null : round(exports.ticks.duration_ms / 1000);
}
