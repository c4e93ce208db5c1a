import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { type BenchBus, drain, makeBus } from '../bus.js';
import { median, type Row, round, type Suite } from '../results.js';
import { submitAll } from '../submit-files.js';
import { makeFiles } from '../workload.js';

const questions = { count_cpu_ms: 'count(*)', average_cpu_ms: 'avg(open)' };
const rounds = 5;
/** Commits that are not compacted yet. */
const fresh = 4;

/** Reading an `upsert` table of millions of keys through its view, against its golden export. */
export const upsert: Suite = async ({ folder, quick, say }) => {
  const table = { mode: 'upsert', key: ['ts'], order_by: ['open'] };
  const settings = { canon: { tables: { ticks: table } }, export: { tables: { ticks: { layout: 'file' } } } };
  const bus = await makeBus(join(folder, 'bus'), settings);
  const configure = (compaction: object) =>
    writeFileSync(join(bus.folder, 'bus_config.json'), JSON.stringify({ ...settings, compaction }));
  const large = await makeFiles(join(folder, 'files'), '1 MB', quick ? 4 : 56);
  const small = await makeFiles(join(folder, 'files'), '1 KB', fresh);
  const rows: Row[] = [];

  say('upsert: compacted');
  configure({ hot_commits: 2 });
  for (const [name, files] of [
    ['one', large.files.slice(1)],
    ['other', large.files.slice(0, 1)],
  ] as const) {
    await submit(bus, name, files);
    await drain(bus);
  }
  const inExport = `read_parquet('${join(bus.exportDir, 'ticks.parquet')}')`;
  const times = await ask(bus, inExport);
  rows.push({ what: 'the golden export', ...times, times_export: 1 });
  const compacted = await ask(bus, 'canon.ticks');
  rows.push({ what: 'canon.ticks, compacted', ...compacted, times_export: ratio(compacted, times) });

  configure({ hot_commits: 1_000 });
  // One after the other: each has keys of the large ones, and is a commit of its own.
  for (const [i, file] of small.files.entries()) {
    say(`upsert: fresh commit ${i + 1} of ${fresh}`);
    await submit(bus, `small-${i}`, [file]);
    await drain(bus);
  }
  const behind = await ask(bus, 'canon.ticks');
  rows.push({ what: `canon.ticks, with ${fresh} fresh commits`, ...behind, times_export: ratio(behind, times) });
  return {
    suite: 'upsert',
    title: 'Reading an upsert table',
    how: `A table of ${(large.rows * large.files.length).toLocaleString('en')} keys is read through its view and from its golden export. The figures are processor time, medians of ${rounds} times. The fresh commits have keys that the table has already. times_export compares the averages.`,
    rows,
    skipped: [],
  };
};

const submit = (bus: BenchBus, name: string, files: readonly string[]): Promise<void> =>
  submitAll({ busRoot: bus.root, name, files, schemaHint: 'canon.ticks', artifactsPerJob: 1 });

type Times = Record<keyof typeof questions, number>;

const ratio = (of: Times, to: Times): number => round(of.average_cpu_ms / to.average_cpu_ms);

async function ask(bus: BenchBus, from: string): Promise<Times> {
  const instance = await DuckDBInstance.create(bus.database, { access_mode: 'READ_ONLY', threads: '2' });
  const connection = await instance.connect();
  const answers: [string, number][] = [];
  for (const [name, question] of Object.entries(questions)) {
    const ms: number[] = [];
    for (let i = 0; i < rounds; i++) {
      const before = process.cpuUsage();
      await connection.runAndReadAll(`SELECT ${question} FROM ${from}`);
      const { user, system } = process.cpuUsage(before);
      ms.push((user + system) / 1000);
    }
    answers.push([name, round(median(ms))]);
  }
  connection.closeSync();
  instance.closeSync();
  return Object.fromEntries(answers) as Times;
}
