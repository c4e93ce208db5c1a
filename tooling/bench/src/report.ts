import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { barChart, lineChart } from './charts.js';
import type { Machine } from './machine.js';
import type { Row, SuiteResult } from './results.js';

/** The newest result of each suite. */
export interface Report {
  suites: Record<string, SuiteResult & { machine: Machine; quick: boolean }>;
}

/** Writes `benchmarks.md` and its pictures. */
export function writeReport(report: Report, folder: string): void {
  mkdirSync(join(folder, 'benchmarks'), { recursive: true });
  const parts = Object.values(report.suites).map(suite => {
    const pictures = picturesOf(suite).map(({ name, alt, svg }) => {
      writeFileSync(join(folder, 'benchmarks', `${name}.svg`), svg);
      return `![${alt}](benchmarks/${name}.svg)\n`;
    });
    return [
      `## ${suite.title}`,
      '',
      wrapped(suite.how),
      '',
      ...pictures,
      tableOf(suite.rows),
      '',
      ...notes(suite),
    ].join('\n');
  });
  writeFileSync(join(folder, 'benchmarks.md'), `${preface}\n${parts.join('\n')}`);
}

const preface = `# Benchmarks

One command measured everything here. All contenders of a table ran on the same files, in one run:

\`\`\`sh
pnpm bench                            # all of it: about an hour, growth up to 100,000 artifacts
pnpm bench --only waiting,together    # some of it
pnpm bench --up-to 1000000            # growth and forgetting up to a million artifacts
pnpm bench --draw                     # this page and its pictures again, from results.json
\`\`\`

Trust the ratios more than the figures: the machine is small and shared. The figures are also in
[benchmarks/results.json](benchmarks/results.json), and the programs in
[tooling/bench](../tooling/bench). The contenders in Python, DuckDB's server (quack), DuckLake,
Delta and dlt need PyPI; DuckLake also needs PostgreSQL. Contenders that cannot be installed are
left out. [Compared with](compared-with.md) describes the contenders. [Performance](performance.md)
explains the figures and what they led to.
`;

function tableOf(rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap(row => Object.keys(row)))].filter(name => name !== 'answer');
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(names.map(name => (name === 'what' ? '' : name.replaceAll('_', ' ')))),
    line(names.map(name => (name === 'what' ? '---' : '---:'))),
    ...rows.map(row => line(names.map(name => cellOf(row[name])))),
  ].join('\n');
}

const cellOf = (value: string | number | null | undefined): string =>
  typeof value === 'number' ? value.toLocaleString('en', { maximumSignificantDigits: 3 }) : (value ?? '');

function notes({ skipped, machine, quick }: Report['suites'][string]): string[] {
  const { date, processor, cores, memoryGib, fileSystem, node, duckdb, build } = machine;
  return [
    ...(quick ? ['**A quick run: not to be believed.**', ''] : []),
    ...skipped.map(text => wrapped(`- Skipped: ${text}`)),
    ...(skipped.length > 0 ? [''] : []),
    wrapped(
      `Measured on ${date}: ${cores} cores of ${processor}, ${memoryGib} GiB, ${fileSystem}, Node ${node}, DuckDB ${duckdb}${build === undefined ? '' : `, commit ${build}`}.`,
    ),
    '',
  ];
}

/** Breaks a paragraph into lines of at most 100 columns. */
const wrapped = (text: string): string => text.replace(/(.{1,100})(?: |$)/g, '$1\n').trimEnd();

interface Picture {
  name: string;
  alt: string;
  svg: string;
}

function picturesOf({ suite, rows }: SuiteResult): Picture[] {
  const values = (figure: string, where: (row: Row) => boolean = () => true) =>
    rows
      .filter(row => where(row) && typeof row[figure] === 'number')
      .map(row => ({ what: row.what, value: Number(row[figure]) }));
  const bars = (name: string, alt: string, figure: string, label: string, where?: (row: Row) => boolean) => ({
    name,
    alt,
    svg: barChart(values(figure, where), { label, isOurs: what => /bus|Parquet/.test(what.replace('parquetjs', '')) }),
  });
  switch (suite) {
    case 'waiting':
      return [
        bars(
          'waiting',
          'Share of the bare system calls that the daemon reaches',
          'of_the_floor',
          'jobs per second, as a share of the bare system calls',
        ),
      ];
    case 'together':
      return [
        bars('together', 'Jobs per second of 30 KB, by contender', 'jobs_per_s', 'jobs of 30 KB per second', row =>
          row.what.startsWith('30 KB'),
        ),
      ];
    case 'latency':
      return [
        bars(
          'latency',
          'Milliseconds from submission to visible',
          'median_ms',
          'milliseconds from submission to visible, median',
        ),
      ];
    case 'growth':
      return [
        {
          name: 'growth',
          alt: 'Milliseconds per small job and per catalog call as the bus grows',
          svg: lineChart(
            rows.flatMap(row =>
              ['ms_per_small_job', 'latest_ms', 'run_ms'].map(figure => ({
                x: Number(row.what.replace(/\D/g, '')),
                y: Number(row[figure]),
                line: figure.replaceAll('_', ' '),
              })),
            ),
            { x: 'artifacts in the bus', y: 'milliseconds' },
          ),
        },
      ];
    case 'exports':
      return [bars('exports', 'MB written for 1,000 new rows', 'mb_written', 'MB written for 1,000 new rows')];
    case 'reading':
      return [bars('reading', 'Milliseconds by way of reading', 'ms', 'milliseconds')];
    default:
      return [];
  }
}
