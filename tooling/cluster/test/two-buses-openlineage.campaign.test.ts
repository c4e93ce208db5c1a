// @module-tag campaign
import { fileURLToPath } from 'node:url';
import { startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { startJsonServer } from '@quantbot/tooling-testing/json-server';
import { hasPython, pythonWith, withoutDataTools } from '@quantbot/tooling-testing/python';
import { expect, test } from 'vitest';
import { describeBothWorlds, type World } from './support/world.js';

const script = fileURLToPath(new URL('./support/openlineage-events.py', import.meta.url));

describeBothWorlds(
  {},
  async () => {},
  world => {
    test.skipIf(!hasPython)("the standard's client library reads the events", async context => {
      const python = pythonWith('openlineage', ['openlineage-python==1.54.0']) ?? context.skip(withoutDataTools);
      const events = await eventsOf(world());
      expect(events.map(({ eventType, job }) => [eventType, job.name])).toEqual([
        ['START', 'p/k'],
        ['COMPLETE', 'p/k'],
        ['START', 'p/made'],
        ['COMPLETE', 'p/made'],
      ]);
      expect(events[3]?.inputs.map(({ name }) => name)).toEqual(['p/k/a', 'p/k/gone']);
      const { process, ended, stdout, stderr } = startChild(python, [script], world().folder);
      process.stdin?.end(JSON.stringify(events));
      expect(await ended, stderr()).toMatchObject({ code: 0 });
      expect(stdout()).toBe('4\n');
    });
  },
  ['campaign'],
);

interface Event {
  eventType: string;
  job: { name: string };
  inputs: { name: string }[];
}

/** The events of two jobs, the second of which was made from the first. */
async function eventsOf(bus: World): Promise<Event[]> {
  const events: Event[] = [];
  const url = await startJsonServer((body, _, response) => {
    events.push(body as Event);
    response.writeHead(201).end();
  });
  await bus.restart({ openlineage: { url: `${url}/api/v1/lineage`, namespace: 'lab' } });
  const nested = "SELECT 1 AS n, {'x': [1.5::DECIMAL(9, 2)]} AS s, now() AS at";
  await (await bus.submit({ select: nested, schemaHint: 'canon.nested' })).settled();
  const made = { kind: 'made', runId: 'run-2', inputs: ['run-1/p/k/a', 'run-0/p/k/gone'] };
  await (await bus.submit({ select: 'SELECT 1 AS n', ...made })).settled();
  await eventually(
    () => events.length,
    now => now === 4,
    60_000,
  );
  return events;
}
