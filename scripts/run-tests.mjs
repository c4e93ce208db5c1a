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
const more = ['--concurrency=1', '--continue', ...process.argv.slice(2)];
const isChosen = more.some(option => option.startsWith('--filter'));

async function runOthers() {
  const unit = await turbo('test', ...more);
  const integration = await turbo('test:integration', ...more, ...(isChosen ? [] : [`--filter=!${largest}`]));
  return unit || integration;
}

// The largest suite runs beside all others, so that they fill its pauses: its tests often wait for
// processes.
const ended = await Promise.all([
  isChosen ? 0 : turbo('test:integration', ...more, `--filter=${largest}`),
  runOthers(),
]);
process.exitCode = ended.find(code => code !== 0) ?? 0;

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
