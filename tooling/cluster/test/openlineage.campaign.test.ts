// @module-tag campaign
import { eventually } from '@quantbot/tooling-testing/eventually';
import { startJsonServer } from '@quantbot/tooling-testing/json-server';
import { expect, test } from 'vitest';
import { describeClusters } from './support/cluster.js';

interface Event {
  eventType: string;
  run: { runId: string; facets: { externalQuery: { externalQueryId: string } } };
}

describeClusters(
  'the OpenLineage events of a cluster',
  newCluster => {
    test('one daemon sends each job, and another goes on when it is killed', { timeout: 240_000 }, async () => {
      const events: Event[] = [];
      const url = await startJsonServer((body, _, response) => {
        events.push(body as Event);
        response.writeHead(201).end();
      });
      const cluster = await newCluster({ openlineage: { url: `${url}/api/v1/lineage` } });
      const jobsOf = (eventType: string) =>
        events
          .filter(event => event.eventType === eventType)
          .map(({ run }) => run.facets.externalQuery.externalQueryId);
      const sent = (count: number) =>
        eventually(
          () => new Set(jobsOf('COMPLETE')).size,
          now => now === count,
          60_000,
        );
      const first = cluster.start();
      await (await cluster.submit('one', 1)).settled();
      const second = cluster.start();
      await (await cluster.submit('two', 2)).settled();
      await sent(2);
      expect(jobsOf('COMPLETE')).toEqual(['one', 'two']); // each once: only one daemon sends
      expect(jobsOf('START')).toEqual(['one', 'two']);
      first.process.kill('SIGKILL');
      await first.ended;
      await (await cluster.submit('three', 3)).settled();
      await sent(3);
      // The first daemon may have been killed before it noted that it had sent the second job.
      expect([...new Set(jobsOf('COMPLETE'))]).toEqual(['one', 'two', 'three']);
      expect(jobsOf('COMPLETE').length).toBeLessThanOrEqual(4);
      expect(new Set(events.map(({ run }) => run.runId)).size).toBe(3);
      expect(await cluster.names('openlineage')).toEqual(['openlineage.json']);
      second.process.kill('SIGTERM');
      await second.ended;
    });
  },
  ['campaign'],
);
