import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { FileThreads } from './client.js';

const entry = fileURLToPath(new URL('../../../test/support/obedient-thread.mjs', import.meta.url));

/** Threads that execute orders, and a function that sends an order to each. */
function obedientThreads() {
  const threads = new FileThreads(entry);
  onTestFinished(() => threads.close());
  const tell = async (order: string) => {
    const orders = [{ folder: order, target: '', receipt: '', names: [] }];
    return String(await threads.request({ task: 'settle', orders }));
  };
  return { threads, tell };
}

test('one thread answers request after request, in their order', async () => {
  const { tell } = obedientThreads();
  const answers = await Promise.all(['a', 'b', 'c'].map(tell));
  const [thread] = answers[0]?.split(' ') ?? [];
  expect(answers).toEqual([`${thread} a`, `${thread} b`, `${thread} c`]);
});

test('storing has a thread of its own; claiming and settling share the other', async () => {
  const { threads, tell } = obedientThreads();
  const order = { file: '', inode: 0, target: '', replaceOrphan: false, folder: 'a', from: '', fromIsBase64: false };
  const threadOf = (answer: unknown) => String(answer).split(' ')[0];
  const settles = threadOf(await tell('a'));
  expect(threadOf(await threads.request({ task: 'claim', orders: [order] }))).toBe(settles);
  expect(threadOf(await threads.request({ task: 'store', orders: [order] }))).not.toBe(settles);
});

test.each(['die', 'fail'])(
  'told to %s, a thread takes what is under way with it, and the next request has another',
  async how => {
    const { tell } = obedientThreads();
    const before = await tell('a');
    const [dead, alsoUnderWay] = [tell(how), tell('b')];
    await expect(dead).rejects.toMatchObject({ code: 'WORKER_DIED' });
    await expect(alsoUnderWay).rejects.toMatchObject({ code: 'WORKER_DIED' });
    const after = await tell('a');
    expect(after).toMatch(/^\d+ a$/);
    expect(after).not.toBe(before);
  },
);

test('threads that were ended answer nothing any more', async () => {
  const { threads, tell } = obedientThreads();
  await tell('a');
  await threads.close();
  await expect(tell('b')).rejects.toMatchObject({ code: 'WORKER_DIED' });
});
