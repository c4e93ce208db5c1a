import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configSchema, notifyEvents } from '@quantbot/infra/config';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { quantbotBus } from '../support/daemon-process.js';
import { noting, startReceiver, submitBad, told } from '../support/hook-receiver.js';
import { repository } from '../support/scripts.js';

test('notify test tells every hook once, whatever it is on, and says which could not be told and why', async () => {
  const { url, received } = await startReceiver();
  const refusing = await startReceiver(response => {
    response.writeHead(500).end('no such channel');
  });
  const bus = makeTestBus({
    notify: [
      { name: 'post', webhook: url, on: ['paused'] },
      { name: 'file', command: noting(), producers: ['nobody'] },
      { name: 'refused', webhook: refusing.url },
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration names a variable so
      { name: 'unset', webhook: '${NOWHERE_SET}' },
    ],
  });
  const { code, stdout } = await quantbotBus(bus, 'notify', 'test', '--json');
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toEqual([
    { name: 'post', type: 'webhook', ok: true, error: null, output: null },
    { name: 'file', type: 'command', ok: true, error: null, output: null },
    {
      name: 'refused',
      type: 'webhook',
      ok: false,
      error: expect.stringContaining('answered 500'),
      output: 'no such channel',
    },
    { name: 'unset', type: 'webhook', ok: false, error: expect.stringContaining('NOWHERE_SET'), output: null },
  ]);
  expect(refusing.received).toHaveLength(1);
  expect(received.map(({ body }) => body)).toMatchObject([{ event: 'test', hook: 'post', bus_root: bus.layout.root }]);
  expect(told(bus)).toMatchObject([{ event: 'test', hook: 'file' }]);
});

test('notify test tells only the hooks that it is given, and knows which there are', async () => {
  const bus = makeTestBus({
    notify: [
      { name: 'a', command: noting('a.jsonl') },
      { name: 'b', command: noting('b.jsonl') },
    ],
  });
  expect(await quantbotBus(bus, 'notify', 'test', 'b')).toMatchObject({ code: 0, stdout: 'ok      b (command)\n' });
  expect([told(bus, 'a.jsonl').length, told(bus, 'b.jsonl').length]).toEqual([0, 1]);
  const { code, stderr } = await quantbotBus(bus, 'notify', 'test', 'c');
  expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('notify has no hook c') });
});

const page = readFileSync(join(repository, 'docs/reference/notifications.md'), 'utf8');

test('the settings that docs/reference/notifications.md shows are settings', () => {
  const examples = [...page.matchAll(/```json\n(.*?)```/gs)].map(([, text = '']) => JSON.parse(text));
  const settings = examples.filter(example => example.version === undefined);
  expect(settings).toHaveLength(2);
  for (const example of settings)
    expect(configSchema.parse(example.notify === undefined ? { notify: [example] } : example).notify).not.toEqual([]);
});

test('docs/reference/notifications.md has each event, and no other', () => {
  const section = page.split('\n## Events\n')[1]?.split('\n## ')[0] ?? '';
  const documented = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, event]) => event);
  expect(documented).toEqual([...notifyEvents, 'test']);
});

test('a command that settles jobs where no daemon runs tells the hooks whose variables it has', async () => {
  const bus = makeTestBus({
    notify: [
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration names a variable so
      { name: 'unset', webhook: '${NOWHERE_SET}' },
      { name: 'file', command: noting() },
    ],
  });
  await quantbotBus(bus, 'export');
  submitBad(bus, 'bad-1');
  expect(await quantbotBus(bus, 'export')).toMatchObject({ code: 0 });
  expect(told(bus)).toMatchObject([{ event: 'rejected', jobs: [{ job_id: 'bad-1' }] }]);
});
