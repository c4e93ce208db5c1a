import { chmodSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { cliPath, quantbotBus, spawnDaemon } from '../support/daemon-process.js';
import { repository } from '../support/scripts.js';
import { startShell } from '../support/typed-shell.js';

const guide = join(repository, 'docs/guides/operations.md');

sampled(
  'every command of docs/guides/operations.md that needs no root works, in the order of the page, beside a daemon',
  async () => {
    const bus = makeTestBus();
    const daemon = await spawnDaemon(bus);
    for (const runId of ['a', 'b']) await (await submit(bus, { runId, schemaHint: 'canon.numbers' })).settled();
    writeToInbox(bus, { jobId: 'bad', manifest: '{' });
    await daemon.logged('rejected');
    const bin = join(bus.folder, 'bin');
    mkdirSync(bin);
    symlinkSync(cliPath, join(bin, 'quantbot-bus'));
    chmodSync(cliPath, 0o755);
    const shell = startShell(bus.folder, { PATH: [bin, process.env.PATH].join(delimiter) });
    let output = '';
    const commands = [...readFileSync(guide, 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
      ([, block = '']) => block,
    );
    expect(commands.length).toBeGreaterThanOrEqual(4);
    for (const block of commands) {
      const typed = await shell.type(block);
      expect(typed.failures, `${block}${typed.output}`).toEqual([]);
      output += typed.output;
    }
    await shell.end();
    expect(output).toMatch(/2 artifacts, \d+ bytes up to seq 3; 2 of them new; 1 jobs on their way or rejected/);
    expect(output).toMatch(/artifacts[^\d]+2\b/);
    expect(output.match(/every file matches the journal/g)).toHaveLength(3);
  },
);

test('what the guide says of a daemon that was moved is so', async () => {
  const bus = makeTestBus({
    bus_root: 'here/bus',
    duckdb_path: 'here/alerts.duckdb',
    export: { export_dir: 'here/exports' },
  });
  const daemon = await spawnDaemon(bus);
  await (await submit(bus, { schemaHint: 'canon.numbers' })).settled();
  await daemon.stop();
  renameSync(join(bus.folder, 'here'), join(bus.folder, 'there'));
  const settings = {
    bus_root: 'there/bus',
    duckdb_path: 'there/alerts.duckdb',
    export: { export_dir: 'there/exports' },
  };
  writeFileSync(bus.configPath, JSON.stringify({ poll_interval_s: 0.2, ...settings }));
  const again = await spawnDaemon(bus);
  const answer = await quantbotBus(bus, 'query', 'SELECT count(*) AS n FROM canon.numbers', '--format', 'csv');
  expect(answer.stdout).toBe('n\n3\n');
  expect((await quantbotBus(bus, 'verify')).stdout).toContain('every file matches the journal');
  expect(await again.stop()).toEqual({ code: 0, signal: null });
});
