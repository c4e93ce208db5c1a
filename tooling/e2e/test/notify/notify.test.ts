import { readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, launchDaemon, startDaemon } from '../support/daemon-process.js';
import { expectDocumented, noting, startReceiver, submitBad, told } from '../support/hook-receiver.js';

/** A bus whose hooks do not wait to group events. */
const busWithHooks = (hooks: object[], settings: object = {}): TestBus =>
  makeTestBus({ ...settings, notify: hooks.map((hook, i) => ({ name: `hook-${i}`, group_wait_s: 0, ...hook })) });

/** A bus with an export that fails until a job is submitted to `canon.later`. */
function failingExport(): TestBus {
  const jobs = [{ name: 'daily', sql: 'SELECT count(*) AS n FROM canon.later' }];
  const hook = { on: ['export_failed', 'export_recovered'], command: noting() };
  return busWithHooks([hook], { export: { jobs, min_interval_s: 0, max_share: 1 } });
}

test('a webhook is posted what was rejected, with its code and what to do about it', async () => {
  const { url, received } = await startReceiver();
  const bus = busWithHooks([{ on: ['rejected'], webhook: `${url}/bus` }]);
  await startDaemon(bus);
  submitBad(bus, 'bad-1', { run_id: 'r1', producer: 'desk', kind: 'fills' });
  await eventually(
    () => received.length,
    n => n === 1,
  );
  const [{ method, path, headers, body }] = received as [(typeof received)[0]];
  expect({ method, path, type: headers['content-type'] }).toEqual({
    method: 'POST',
    path: '/bus',
    type: 'application/json',
  });
  expect(headers['user-agent']).toMatch(/^quantbot-bus\/\d/);
  expect(body).toEqual({
    version: 1,
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    event: 'rejected',
    hook: 'hook-0',
    at: expect.stringMatching(/^\d{4}-.*Z$/),
    host: hostname(),
    bus_root: bus.layout.root,
    text: expect.stringMatching(/^The job was rejected: bad-1 \(NOT_PARQUET\): .* \(.*data\/bus on /),
    count: 1,
    jobs: [
      {
        job_id: 'bad-1',
        seq: 1,
        run_id: 'r1',
        producer: 'desk',
        kind: 'fills',
        code: 'NOT_PARQUET',
        error: 'The file is a text file, not Parquet.',
        hint: expect.stringContaining('Convert it with DuckDB'),
        path: join(bus.layout.rejected, 'bad-1'),
      },
    ],
  });
  expectDocumented(body);
  const reason = JSON.parse(readFileSync(join(bus.layout.rejected, 'bad-1/REJECT_REASON.json'), 'utf8'));
  expect(body.jobs?.[0]).toMatchObject({ code: reason.code, error: reason.error });
});

test('a command gets it on its standard input, and in short in its environment, in the folder of the configuration', async () => {
  const bus = busWithHooks([
    { command: noting() },
    {
      command: [
        'sh',
        '-c',
        'printf "%s|%s|%s|%s" "$QUANTBOT_BUS_EVENT" "$QUANTBOT_BUS_HOOK" "$QUANTBOT_BUS_ROOT" "$QUANTBOT_BUS_TEXT" > env.txt',
      ],
    },
    { command: ['./tool.sh', '$(touch shell.txt)'] },
  ]);
  writeFileSync(join(bus.folder, 'tool.sh'), '#!/bin/sh\nprintf "%s" "$1" > argument.txt\n', { mode: 0o755 });
  submitBad(bus, 'bad-1');
  await drain(bus);
  const [document] = told(bus);
  expect(document).toMatchObject({ event: 'rejected', hook: 'hook-0', count: 1, jobs: [{ job_id: 'bad-1' }] });
  const read = (name: string) => readFileSync(join(bus.folder, name), 'utf8');
  expect(read('env.txt')).toBe(`rejected|hook-1|${bus.layout.root}|${document?.text}`);
  expect(read('argument.txt')).toBe('$(touch shell.txt)'); // no shell has expanded it
});

sampled(
  'an export that begins to fail is told once, however often it is tried, and once when it is well again',
  async () => {
    const bus = failingExport();
    const daemon = await startDaemon(bus);
    await submit(bus, { schemaHint: 'canon.numbers' });
    await eventually(
      () => daemon.log().filter(({ msg }) => msg.startsWith('export failed')).length,
      failures => failures >= 2,
    );
    await submit(bus, { schemaHint: 'canon.later' });
    await eventually(
      () => told(bus).length,
      n => n >= 2,
    );
    await daemon.stop();
    expect(told(bus)).toMatchObject([
      {
        event: 'export_failed',
        count: 1,
        exports: [{ name: 'daily', rows: null, error: expect.stringContaining('later') }],
        text: expect.stringContaining('The export failed: daily: '),
      },
      {
        event: 'export_recovered',
        exports: [{ name: 'daily', as_of_seq: 2, rows: 1, error: null }],
        text: expect.stringContaining('The export has recovered: daily'),
      },
    ]);
    expectDocumented(told(bus)[0]);
  },
);

sampled('an export that failed in an earlier process and is well now is told as recovered', async () => {
  const bus = failingExport();
  const first = await startDaemon(bus);
  await submit(bus, { schemaHint: 'canon.numbers' });
  await first.logged('export failed');
  await first.stop();
  await submit(bus, { schemaHint: 'canon.later' });
  await drain(bus);
  expect(told(bus).map(({ event }) => event)).toEqual(['export_failed', 'export_recovered']);
});

test('a daemon that pauses says why, and says when it goes on, in this order and once each', async () => {
  const bus = busWithHooks([{ command: noting() }]);
  const daemon = await startDaemon(bus);
  renameSync(bus.layout.store, `${bus.layout.store}.away`);
  writeFileSync(bus.layout.store, 'in the way');
  const submission = await submit(bus);
  await eventually(
    () => daemon.log().filter(({ msg }) => msg.startsWith('paused')).length,
    pauses => pauses >= 3,
  );
  rmSync(bus.layout.store);
  renameSync(`${bus.layout.store}.away`, bus.layout.store);
  await submission.settled({ timeoutMs: 120_000 });
  await eventually(
    () => told(bus).length,
    n => n === 2,
  );
  await daemon.stop();
  expect(told(bus)).toMatchObject([
    {
      event: 'paused',
      cause: { code: 'ENOTDIR', message: expect.stringContaining('ENOTDIR'), hint: expect.stringMatching(/\w/) },
      text: expect.stringContaining('The daemon has paused (ENOTDIR): '),
    },
    { event: 'resumed', text: expect.stringContaining('The daemon has resumed after its pause') },
  ]);
  expectDocumented(told(bus)[0]);
});

test('a daemon that has to stop says why; one that is asked to says nothing', async () => {
  const bus = busWithHooks([{ command: noting() }]);
  await (await startDaemon(bus)).stop();
  expect(told(bus)).toEqual([]);
  rmSync(bus.config.export.exportDir, { recursive: true });
  symlinkSync('nowhere', bus.config.export.exportDir);
  const daemon = launchDaemon(bus);
  expect((await daemon.ended).code).not.toBe(0);
  expect(told(bus)).toMatchObject([
    {
      event: 'stopped',
      cause: { code: expect.stringMatching(/^E[A-Z]+$/), message: expect.stringContaining('exports') },
    },
  ]);
});

sampled('an export that the end of the daemon interrupts has not failed', async () => {
  const bus = busWithHooks([{ command: noting() }], {
    canon: { tables: { n: { columns: { i: { type: 'BIGINT' } } } } },
    export: {
      min_interval_s: 0,
      max_share: 1,
      jobs: [{ name: 'endless', sql: 'SELECT max(a.i * b.i) FROM canon.n a, canon.n b, canon.n c' }],
      tables: { n: { enabled: false } },
    },
  });
  const { exportDir } = bus.config.export;
  const daemon = await startDaemon(bus);
  await daemon.logged(({ export: name }) => name === 'endless'); // with an empty table it is soon done
  await submit(bus, { schemaHint: 'canon.n', select: 'SELECT i FROM range(20000) t(i)' });
  const unfinished = () => readdirSync(exportDir).filter(name => name.startsWith('.') && name.includes('endless'));
  await eventually(unfinished, names => names.length > 0);
  await daemon.stop();
  expect(told(bus)).toEqual([]);
  const status = readFileSync(join(exportDir, '_export_status.json'), 'utf8');
  expect(JSON.parse(status).exports.endless).toMatchObject({ ok: true, as_of_seq: 0 });
});

test('a hook is told only of what it wants to know, and of the producers and kinds that it names', async () => {
  const bus = busWithHooks([
    { on: ['paused'], command: noting('paused.jsonl') },
    { producers: ['desk'], command: noting('desk.jsonl') },
    { kinds: ['fills', 'orders'], command: noting('kinds.jsonl') },
    { command: noting('all.jsonl') },
  ]);
  submitBad(bus, 'a', { producer: 'desk', kind: 'trades' });
  submitBad(bus, 'b', { producer: 'lab', kind: 'fills' });
  submitBad(bus, 'c', { producer: null });
  await drain(bus);
  const jobs = (file: string) =>
    told(bus, file)
      .flatMap(document => document.jobs ?? [])
      .map(job => job.job_id)
      .sort();
  expect(jobs('paused.jsonl')).toEqual([]);
  expect(jobs('desk.jsonl')).toEqual(['a']);
  expect(jobs('kinds.jsonl')).toEqual(['b']);
  expect(jobs('all.jsonl')).toEqual(['a', 'b', 'c']);
});
