import { expect, test } from 'vitest';
import { actOnEach } from './act-on-each.js';
import { ApiError } from './client.js';

const refusal = (code: string) => new ApiError({ code, message: code, hint: '', details: [] });

/** Acts on three jobs, the first of which is refused with a code. */
async function acted(code: string): Promise<{ tried: string[]; refused: unknown }> {
  const tried: string[] = [];
  const act = async (job: string) => {
    tried.push(job);
    if (job === 'a') throw refusal(code);
  };
  const refused = await actOnEach(['a', 'b', 'c'], act).catch((error: unknown) => error);
  return { tried, refused };
}

test('a job that is refused stops no other, and the refusal is shown', async () => {
  expect(await acted('JOB_ID_WAITING')).toEqual({ tried: ['a', 'b', 'c'], refused: refusal('JOB_ID_WAITING') });
});

test('without a daemon or a right, no other job is tried', async () => {
  for (const code of ['UNREACHABLE', 'HTTP_UNAUTHORIZED']) expect((await acted(code)).tried).toEqual(['a']);
});
