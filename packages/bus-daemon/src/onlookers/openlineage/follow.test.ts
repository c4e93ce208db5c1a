import { join } from 'node:path';
import { readLineageCursor } from '@quantbot/bus-format/state';
import { createLogger } from '@quantbot/infra';
import type { BusConfig, OpenLineageConfig } from '@quantbot/infra/config';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { startJsonServer } from '@quantbot/tooling-testing/json-server';
import { expect, test } from 'vitest';
import { makeCommits } from '../../../test/support/commits.js';
import { openInProcess, packageFolder } from '../../../test/support/in-process-bus.js';
import { Publisher } from '../../writer/publish/publisher.js';
import { followLineage, type LineageProblem } from './follow.js';
import type { RunEvent } from './run-events.js';
import { sendLineage } from './sender.js';
import { openSource } from './source.js';

const logger = createLogger({ name: 'test', level: 'silent' });

/** Starts an endpoint that answers the n-th event with a status. */
async function startEndpoint(statusOf: (event: RunEvent, n: number) => number = () => 201) {
  const events: RunEvent[] = [];
  const authorizations = new Set<string | undefined>();
  const url = await startJsonServer((body, { headers }, response) => {
    events.push(body as RunEvent);
    authorizations.add(headers.authorization);
    response.writeHead(statusOf(body as RunEvent, events.length)).end();
  });
  return {
    target: { url: `${url}/api/v1/lineage`, headers: {}, namespace: 'lab', timeoutMs: 5_000 },
    events,
    authorizations,
  };
}

/** A bus with commits of one job each. */
async function busWith(commits: number) {
  const { bus, test: testBus } = await openInProcess();
  const publisher = new Publisher(bus);
  const add = async (more: number) => {
    await makeCommits(bus, testBus, more);
    await publisher.publishOrThrow();
  };
  await add(commits);
  return { config: bus.config, add };
}

/** Waits until the events of the jobs up to a seq are delivered. */
const reached = ({ busRoot }: BusConfig, seq: number) =>
  eventually(
    () => readLineageCursor(busRoot),
    now => now === seq,
  );

/** Follows a bus up to a job, and returns the problems. */
async function follow(config: BusConfig, { target }: { target: OpenLineageConfig }, seq: number) {
  const problems: LineageProblem[] = [];
  const end = new AbortController();
  const following = followLineage(await openSource(config), target, {
    tell: problem => void problems.push(problem),
    signal: end.signal,
    backoff: { firstMs: 1, maxMs: 5 },
  });
  await reached(config, seq);
  end.abort();
  await following;
  return problems;
}

const typesAndJobs = (events: readonly RunEvent[]) =>
  events.map(({ eventType, run }) => [eventType, run.facets.externalQuery?.externalQueryId]);

test('every job is sent once, oldest first, also over restarts, and an endpoint that fails is asked again', async () => {
  const { config, add } = await busWith(2);
  const endpoint = await startEndpoint((_, n) => (n <= 2 ? 503 : 201));
  expect(await follow(config, endpoint, 2)).toEqual([
    { seq: 1, error: expect.stringContaining('503'), isGivenUp: false },
  ]);
  const [first, second, ...sent] = endpoint.events;
  expect([first, second]).toEqual([sent[0], sent[0]]);
  expect(sent.map(({ eventType }) => eventType)).toEqual(['START', 'COMPLETE', 'START', 'COMPLETE']);
  expect(new Set(sent.map(({ run }) => run.runId)).size).toBe(2);
  expect(sent[3]?.job.namespace).toBe('lab');
  expect(sent[3]?.outputs[0]?.facets?.schema).toMatchObject({ fields: [{ name: 'n', type: 'BIGINT' }] });

  await add(1);
  const after = await startEndpoint();
  expect(await follow(config, after, 3)).toEqual([]);
  expect(after.events.map(({ eventType }) => eventType)).toEqual(['START', 'COMPLETE']);
  expect(sent.map(({ run }) => run.runId)).not.toContain(after.events[0]?.run.runId);
});

test('an event that the endpoint refuses is told and skipped', async () => {
  const { config } = await busWith(2);
  const endpoint = await startEndpoint((_, n) => (n <= 2 ? 422 : 201));
  expect(await follow(config, endpoint, 2)).toEqual(
    Array(2).fill({ seq: 1, error: expect.stringContaining('422'), isGivenUp: true }),
  );
  expect(typesAndJobs(endpoint.events).map(([type]) => type)).toEqual(['START', 'COMPLETE', 'START', 'COMPLETE']);
  expect(new Set(typesAndJobs(endpoint.events).map(([, job]) => job)).size).toBe(2);
});

test('the built process follows the bus, with headers from the environment, and ends with the daemon', async () => {
  const { config } = await busWith(1);
  const { target, events, authorizations } = await startEndpoint();
  const headers = { Authorization: `Bearer \${LINEAGE_TOKEN}` };
  const bus = { cluster: undefined, config: { ...config, openlineage: { ...target, headers } }, logger, now: Date.now };
  const sender = sendLineage(bus, join(packageFolder, 'dist/openlineage.js'), { LINEAGE_TOKEN: 'secret' });
  await reached(config, 1);
  await sender.close();
  expect(events.map(({ eventType }) => eventType)).toEqual(['START', 'COMPLETE']);
  expect([...authorizations]).toEqual(['Bearer secret']);
});

test('without its variables the daemon does not start', async () => {
  const { config } = await busWith(0);
  const openlineage = { url: `\${LINEAGE_URL}/x`, headers: {}, namespace: 'lab', timeoutMs: 1 };
  const bus = { cluster: undefined, config: { ...config, openlineage }, logger, now: Date.now };
  expect(() => sendLineage(bus, '', {})).toThrow(
    expect.objectContaining({ code: 'NOTIFY_VARIABLE_INVALID', message: expect.stringContaining('LINEAGE_URL') }),
  );
});
