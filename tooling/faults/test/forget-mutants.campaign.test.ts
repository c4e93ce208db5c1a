// @module-tag campaign
import { sampleOf, seed } from '@quantbot/tooling-config/campaign';
import { expect, test } from 'vitest';
import { Random } from '../src/random.js';
import { breakRule } from '../src/rounds.js';
import { ruleMutants } from '../src/rule-mutants.js';

/** A broken rule must show in one of so many runs. */
const rounds = 4;

test('a daemon that keeps every rule of forgetting passes', async () => {
  expect(await breakRule(undefined, new Random(seed))).toEqual([]);
});

test.each(sampleOf(Object.keys(ruleMutants), 1))('the checker sees that %s', async mutant => {
  let problems: string[] = [];
  for (let round = 0; round < rounds && problems.length === 0; round++)
    problems = await breakRule(mutant, new Random(seed + round));
  expect(problems).not.toEqual([]);
});
