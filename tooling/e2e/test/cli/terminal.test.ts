import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { startChild } from '@quantbot/tooling-testing/child';
import { makeDatabase } from '@quantbot/tooling-testing/old-database';
import { numbers } from '@quantbot/tooling-testing/parquet';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { cliPath, drain } from '../support/daemon-process.js';
import { hasTerminal, startOnTerminal } from '../support/terminal.js';

const esc = '\u001B[';

async function busWithTable(): Promise<TestBus> {
  const bus = makeTestBus({ compaction: { hot_commits: 2, idle_s: 0.1, release_grace_s: 0 } });
  await drain(bus);
  for (const runId of ['a', 'b', 'c']) {
    await submit(bus, { runId, schemaHint: 'canon.numbers', select: numbers(1000) });
    await drain(bus);
  }
  return bus;
}

/** Returns the output of a command on a terminal, and to two pipes. */
async function outputs(bus: TestBus, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const onTerminal = startOnTerminal(bus, args, env);
  await onTerminal.ended;
  const piped = startChild(process.execPath, [cliPath, ...args, '--config', bus.configPath], bus.folder, env);
  await piped.ended;
  return { onTerminal: onTerminal.stdout(), piped: piped.stdout() + piped.stderr() };
}

const bars = [
  ['verify', ['verify'], /100% {2}\d\.\d MB of \d\.\d MB {2}[\d.]+ MB\/s {2}0s left {2}canonical tables/],
  ['rebuild', ['rebuild'], /100% {2}[\d,]+ of [\d,]+ rows {2}[\d,]+\/s.*left {2}database/],
  ['adopt', ['adopt', 'old.duckdb', '--apply'], /0% {2}0 of 30 rows {2}0\/s.*main\.one/],
  ['export', ['export', '--force'], / of 1 exports /],
] as const;

test.skipIf(!hasTerminal()).each(sampleOf(bars, 1))(
  '%s shows on a terminal how far it is, how fast, and how long it takes; and nothing of that elsewhere',
  { tags: ['campaign'] },
  async (_, args, line) => {
    const bus = await busWithTable();
    await makeDatabase(
      join(bus.folder, 'old.duckdb'),
      'CREATE TABLE one AS FROM range(10)',
      'CREATE TABLE two AS FROM range(20)',
    );
    const { onTerminal, piped } = await outputs(bus, args);
    expect(onTerminal).toMatch(line);
    expect(piped).not.toContain(esc);
    expect(piped).not.toContain('left');
  },
);

sampled('colours are on a terminal only, and there only when they are wanted', async ({ skip }) => {
  if (!hasTerminal()) skip();
  const bus = await busWithTable();
  const table = ['catalog', 'runs'];
  const { onTerminal, piped } = await outputs(bus, table);
  expect(onTerminal).toContain(`${esc}1mrun${esc}22m`);
  expect(piped).not.toContain(esc);
  const failing = ['jobs', 'nobody'];
  expect((await outputs(bus, failing)).onTerminal).toContain(`${esc}91mJOB_NOT_FOUND${esc}39m`);
  for (const args of [table, failing, ['doctor'], ['--help']]) {
    expect((await outputs(bus, [...args, '--no-color'])).onTerminal, String(args)).not.toContain(esc);
    expect((await outputs(bus, args, { NO_COLOR: '1' })).onTerminal, String(args)).not.toContain(esc);
  }
  const forced = await outputs(bus, table, { FORCE_COLOR: '1' });
  expect(forced.piped).toContain(`${esc}1mrun${esc}22m`);
});

sampled('what is longer than the terminal goes through the pager, and what is wider is cut', async ({ skip }) => {
  if (!hasTerminal()) skip();
  const bus = await busWithTable();
  const shown = async (sql: string, pager: string) => {
    rmSync(join(bus.folder, 'paged'), { force: true });
    const child = startOnTerminal(bus, ['query', sql], { PAGER: pager });
    await child.ended;
    const paged = join(bus.folder, 'paged');
    return { told: child.stdout(), paged: existsSync(paged) ? readFileSync(paged, 'utf8') : undefined };
  };
  const long = await shown('FROM range(60) t(n)', 'cat > paged');
  expect(long.paged).toContain('60 rows');
  expect(long.told).not.toContain('60 rows');
  expect((await shown('FROM range(60) t(n)', '')).told).toContain('60 rows');
  expect((await shown('FROM range(60) t(n)', 'no-such-pager')).told).toContain('60 rows');
  const wide = await shown('SELECT repeat(chr(120), 300) AS a, chr(121) AS b, 7 AS n', 'cat > paged');
  expect(wide.paged).toBeUndefined();
  expect(wide.told).toContain('x… │ y │ 7 │');
  expect(wide.told.split('\r\n').find(line => line.includes('x…'))).toHaveLength(100);
  expect(wide.told).toContain('are cut to fit the terminal');
});
