import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { temporaryFolder } from '@quantbot/tooling-testing/temporary-folder';
import { expect, onTestFinished, test } from 'vitest';
import { WorkerProcess } from './client.js';

const entry = fileURLToPath(new URL('../test/support/obedient-worker.mjs', import.meta.url));

/** A worker that executes orders, and a function that sends them. */
function obedientWorker(idleMs = 60_000) {
  const worker = new WorkerProcess('test', { idleMs, entry });
  onTestFinished(() => worker.stop());
  const tell = (order: string, timeoutMs = 20_000) =>
    worker.request(
      { task: 'decode', files: [{ path: order, rows: 0, bytes: 0 }], required: [], memoryMb: 512 },
      timeoutMs,
    ) as Promise<unknown>;
  const pid = async () => Number(String(await tell('echo')).split(' ')[0]);
  return { worker, tell, pid };
}

const isGone = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

test('one process answers request after request, also several at once, each its own', async () => {
  const { tell, pid } = obedientWorker();
  const first = await pid();
  const answers = await Promise.all(['a', 'b', 'c'].map(order => tell(order)));
  expect(answers).toEqual([`${first} a`, `${first} b`, `${first} c`]);
});

test('a task that fails says why, and the process lives on', async () => {
  const { tell, pid } = obedientWorker();
  const before = await pid();
  await expect(tell('fail')).rejects.toThrow('as ordered');
  expect(await pid()).toBe(before);
});

test('an error of the catalog keeps its code and its hint', async () => {
  const built = fileURLToPath(new URL('../dist/worker.js', import.meta.url));
  const worker = new WorkerProcess('catalog', { idleMs: 60_000, entry: built });
  onTestFinished(() => worker.stop());
  const database = join(temporaryFolder(), 'missing.duckdb');
  const asked = worker.request({ task: 'catalog', database, question: { ask: 'jobs', limit: 1 } }, 20_000);
  await expect(asked).rejects.toMatchObject({ code: 'DATABASE_NOT_FOUND', hint: expect.stringMatching(/./) });
});

test('when the process is killed, all that was under way fails with WORKER_KILLED, and the next request starts another', async () => {
  const { tell, pid } = obedientWorker();
  const before = await pid();
  const hanging = tell('hang').catch(error => error);
  await expect(tell('die')).rejects.toMatchObject({
    code: 'WORKER_KILLED',
    message: expect.stringContaining('SIGKILL'),
  });
  expect(await hanging).toMatchObject({ code: 'WORKER_KILLED' });
  expect(await pid()).not.toBe(before);
});

test('a process that crashed fails with WORKER_CRASHED: what it was working on is to blame', async () => {
  const { tell } = obedientWorker();
  await expect(tell('crash')).rejects.toMatchObject({ code: 'WORKER_CRASHED' });
});

test('how a process ended is in the error', async () => {
  const { tell } = obedientWorker();
  await expect(tell('last words')).rejects.toMatchObject({
    code: 'WORKER_DIED',
    message: expect.stringContaining('The test process ended (exit code 3'),
  });
});

test('a task that takes too long fails with WORKER_TIMEOUT, its process is ended, and the next request starts another', async () => {
  const { tell, pid } = obedientWorker();
  const before = await pid();
  await expect(tell('hang', 200)).rejects.toMatchObject({
    code: 'WORKER_TIMEOUT',
    message: expect.stringContaining('0.2 s'),
  });
  expect(await pid()).not.toBe(before);
  await eventually(
    () => isGone(before),
    gone => gone,
  );
});

test.skipIf(process.platform !== 'linux').each([
  ['spin', { cpuMs: 300 }, 'WORKER_TIMEOUT'],
  ['fill', { residentBytes: 400e6 }, 'WORKER_MEMORY'],
])('a task that exceeds its budget (%s) is ended, and its process with it', async (order, budget, code) => {
  const { worker, pid } = obedientWorker();
  const before = await pid();
  const files = [{ path: order, rows: 0, bytes: 0 }];
  await expect(
    worker.request({ task: 'decode', files, required: [], memoryMb: 512 }, { timeoutMs: 20_000, ...budget }),
  ).rejects.toMatchObject({ code });
  expect(await pid()).not.toBe(before);
});

test('a task that waits uses up no processor time, and another task is not charged for it', async () => {
  const { worker, tell } = obedientWorker();
  await tell('busy');
  const files = [{ path: 'rest', rows: 0, bytes: 0 }];
  const task = { task: 'decode' as const, files, required: [], memoryMb: 512 };
  expect(await worker.request(task, { timeoutMs: 20_000, cpuMs: 250 })).toMatch(/ rest$/);
});

test('a task that takes too long does not make others time out: their process ended', async () => {
  const { tell } = obedientWorker();
  const other = tell('hang').catch(error => error);
  await expect(tell('hang', 200)).rejects.toMatchObject({ code: 'WORKER_TIMEOUT' });
  expect(await other).toMatchObject({ code: 'WORKER_DIED' });
});

test('when a process is stopped, what was under way fails at once, and the next request starts another', async () => {
  const { worker, tell, pid } = obedientWorker();
  const before = await pid();
  const hanging = tell('hang').catch(error => error);
  worker.stop();
  const after = pid();
  expect(await hanging).toMatchObject({ code: 'WORKER_DIED' });
  expect(await after).not.toBe(before);
});

test('another one like it is a process of its own, which the end of the first does not touch', async () => {
  const { worker, tell, pid } = obedientWorker();
  const other = worker.another('other');
  onTestFinished(() => other.stop());
  const ask = () =>
    other.request(
      { task: 'decode', files: [{ path: 'echo', rows: 0, bytes: 0 }], required: [], memoryMb: 512 },
      20_000,
    );
  const first = await ask();
  expect(String(first).split(' ')[0]).not.toBe(String(await pid()));
  await expect(tell('crash')).rejects.toMatchObject({ code: 'WORKER_CRASHED' });
  expect(await ask()).toEqual(first);
});

test.each(['die', 'crash', 'hang'])(
  'what a process has spilled is gone after it, also when it ends by: %s',
  async end => {
    const spillIn = temporaryFolder();
    const worker = new WorkerProcess('test', { idleMs: 60_000, entry, spillIn });
    onTestFinished(() => worker.stop());
    const ask = (order: string, timeoutMs = 20_000) =>
      worker.request(
        { task: 'decode', files: [{ path: order, rows: 0, bytes: 0 }], required: [], memoryMb: 512 },
        timeoutMs,
      );
    expect(await ask('spill')).toContain(join(spillIn, 'spill-test-'));
    writeFileSync(join(spillIn, 'spill-of-another'), '');
    expect(readdirSync(spillIn)).toHaveLength(2);
    await expect(ask(end, 500)).rejects.toMatchObject({ code: expect.stringContaining('WORKER') });
    await eventually(
      () => readdirSync(spillIn),
      names => names.length === 1,
    );
    expect(readdirSync(spillIn)).toEqual(['spill-of-another']);
  },
);

test('a process that cannot be started is an error, not a crash', async () => {
  const worker = new WorkerProcess('test', { idleMs: 60_000, entry: `${entry}.missing` });
  onTestFinished(() => worker.stop());
  await expect(
    worker.request({ task: 'decode', files: [], required: [], memoryMb: 512 }, 20_000),
  ).rejects.toMatchObject({
    code: 'WORKER_DIED',
  });
});

test('a process that has nothing to do ends, and comes back when there is work', async () => {
  const { pid } = obedientWorker(50);
  const before = await pid();
  await eventually(
    () => isGone(before),
    gone => gone,
  );
  expect(await pid()).not.toBe(before);
});

test('stopping fails what is under way', async () => {
  const { worker, tell, pid } = obedientWorker();
  await pid();
  const hanging = tell('hang').catch(error => error);
  worker.stop();
  expect(await hanging).toMatchObject({ code: 'WORKER_DIED' });
});
