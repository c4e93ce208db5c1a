import { type ArtifactRecord, openCatalog } from '@quantbot/storage';
import { startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { cliPath, drain, startDaemon } from '../support/daemon-process.js';

test('a watch gives what is there since a seq and then what comes, each artifact once and in order, also across compactions', async () => {
  const bus = makeTestBus({ compaction: { hot_commits: 2, idle_s: 0.1 } });
  await drain(bus);
  await submit(bus, { runId: 'first' });
  await submit(bus, { runId: 'second', kind: 'others' });
  await drain(bus);
  const daemon = await startDaemon(bus);
  await using catalog = await openCatalog({ duckdbPath: bus.config.duckdbPath });
  const end = new AbortController();
  const seen: Record<string, ArtifactRecord[]> = { all: [], numbers: [], later: [] };
  const watching = (
    [
      ['all', { since: 0 }],
      ['numbers', { since: 0, producer: 'tests', kind: 'numbers' }],
      ['later', {}],
    ] as const
  ).map(async ([name, options]) => {
    for await (const artifact of catalog.watch({ ...options, signal: end.signal })) seen[name]?.push(artifact);
  });
  await eventually(
    () => seen.all?.length,
    length => length === 2,
  );
  for (let n = 0; n < 8; n++) {
    const started = performance.now();
    await (await submit(bus, { runId: `run-${n}`, kind: n % 2 === 0 ? 'numbers' : 'others' })).settled();
    await eventually(
      () => seen.later?.length,
      length => length === n + 1,
    );
    if (n === 0) console.log(`submitted to watched: ${Math.round(performance.now() - started)} ms`);
  }
  end.abort();
  await Promise.all(watching);
  const runs = (name: string) => seen[name]?.map(artifact => artifact.runId);
  const later = Array.from({ length: 8 }, (_, n) => `run-${n}`);
  expect(runs('all')).toEqual(['first', 'second', ...later]);
  expect(runs('numbers')).toEqual(['first', 'run-0', 'run-2', 'run-4', 'run-6']);
  expect(runs('later')).toEqual(later);
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
});

test('quantbot-bus tail prints a line for each artifact, until it is interrupted', async () => {
  const bus = makeTestBus();
  await drain(bus);
  await submit(bus, { runId: 'first' });
  await drain(bus);
  const tail = startChild(
    process.execPath,
    [cliPath, 'tail', '--json', '--since', '0', '--config', bus.configPath],
    bus.folder,
  );
  const lines = () =>
    tail
      .stdout()
      .trim()
      .split('\n')
      .filter(Boolean)
      .map(line => (JSON.parse(line) as ArtifactRecord).runId);
  await eventually(lines, found => found.length === 1);
  await submit(bus, { runId: 'second' });
  await drain(bus);
  await eventually(lines, found => found.length === 2);
  expect(lines()).toEqual(['first', 'second']);
  tail.process.kill('SIGINT');
  expect(await tail.ended).toEqual({ code: 0, signal: null });
});
