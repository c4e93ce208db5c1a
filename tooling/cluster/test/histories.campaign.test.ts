// @module-tag campaign
import { seed } from '@quantbot/tooling-config/campaign';
import { fc } from '@quantbot/tooling-testing/properties';
import { test } from 'vitest';
import { describeClusters } from './support/cluster.js';
import { History } from './support/history.js';
import { HistoryBus } from './support/history-bus.js';
import { someHistory } from './support/history-steps.js';

const runs = Number(process.env.HISTORIES ?? 1);
const steps = 16;
const someStart = fc.record({ isCluster: fc.boolean(), isDataset: fc.boolean() });

describeClusters(
  'a bus',
  newCluster => {
    test(`is what a simple model says, whatever happens to it and wherever it moves (seed ${seed})`, {
      timeout: runs * 900_000,
    }, async () => {
      await fc.assert(
        fc.asyncProperty(someStart, someHistory(steps), async (start, happenings) => {
          const history = new History(await HistoryBus.begin(newCluster, start));
          for (const happening of happenings) await history.perform(happening);
          await history.end();
        }),
        // The search for a shorter history that fails would take an hour.
        { seed, numRuns: runs, endOnFailure: true },
      );
    });
  },
  ['campaign'],
);
