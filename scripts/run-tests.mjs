#!/usr/bin/env node
// Builds, runs the tests with a sample of the campaigns, then lists the slowest files. If the tests
// of one package fail, the others still run.
import { spawn } from 'node:child_process';
import { readReports } from './read-reports.mjs';

const shown = 20;
const largest = '@quantbot/tooling-e2e';

/** Runs turbo to its end, and resolves to its exit code. */
function turbo(...args) {
  const env = { ...process.env, CAMPAIGNS: 'sample' };
  return new Promise((resolve, reject) => {
    const child = spawn('turbo', ['run', ...args], { stdio: 'inherit', env });
    child.on('error', reject).on('exit', code => resolve(code ?? 1));
  });
}

const built = await turbo('build', '--output-logs=errors-only');
if (built !== 0) process.exit(built);
const more = ['--continue', ...process.argv.slice(2)];
// Small suites spend much of their time loading, so two share the processors.
const unit = await turbo('test', '--concurrency=2', ...more);
// Tests of processes often wait. The largest suite runs beside all others, so that they fill its
// pauses.
const integration = ['test:integration', '--concurrency=1', ...more];
const lanes = more.some(option => option.startsWith('--filter'))
  ? [[]]
  : [[`--filter=${largest}`], [`--filter=!${largest}`]];
const ended = await Promise.all(lanes.map(filter => turbo(...integration, ...filter)));
process.exitCode = unit || ended.find(code => code !== 0) || 0;

const files = readReports().flatMap(({ folder, report }) =>
  report.testResults.map(({ name, startTime, endTime, assertionResults }) => ({
    seconds: (endTime - startTime) / 1000,
    tests: assertionResults.length,
    file: name.slice(name.indexOf(folder)),
  })),
);
files.sort((a, b) => b.seconds - a.seconds);
console.log(`\nThe slowest ${Math.min(shown, files.length)} of ${files.length} test files:\n\n seconds  tests  file`);
for (const { seconds, tests, file } of files.slice(0, shown))
  console.log(`${seconds.toFixed(1).padStart(8)}  ${String(tests).padStart(5)}  ${file}`);
