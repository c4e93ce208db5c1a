import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { campaign } from '@quantbot/tooling-config/campaign';
import { expect, test } from 'vitest';
import { checkBus } from '../src/checker.js';
import { readLedger } from '../src/ledger.js';
import { makeBus } from '../src/make-bus.js';
import { drain, endedWithin, mustEndWell, startDaemon, startProducer } from '../src/processes.js';

const rounds = campaign(1, 8);

test('two daemons started together are never two writers', {
  timeout: rounds * 240_000,
  tags: ['campaign'],
}, async () => {
  console.log(`${rounds} rounds`);
  const folder = await makeBus();
  for (let round = 0; round < rounds; round++) {
    await mustEndWell(startProducer(folder, `r${round}`, 5, round + 1), 'the producer');
    const both = [startDaemon(folder, { drain: true }), startDaemon(folder, { drain: true })];
    const load = startProducer(folder, `s${round}`, 5, round + 1000);
    // The second daemon waits for the lock, or gives up after its timeout. Neither is a failure.
    for (const daemon of both) expect((await endedWithin(daemon, 120_000))?.code).toBeOneOf([0, 1]);
    await load.ended;
  }
  await drain(folder);
  // The journal has no gap and no duplicate, and every artifact once.
  expect(await checkBus(join(folder, 'data'), readLedger(join(folder, 'ledger.jsonl')))).toEqual([]);
  rmSync(folder, { recursive: true });
});
