import { expect, test } from 'vitest';
import { parseBusConfig } from './config.js';

const targetAt = (url: string) =>
  parseBusConfig(JSON.stringify({ openlineage: { url } }), '/p/bus_config.json').openlineage;

test('OpenLineage events are off by default, and need no more than an address, or a variable with one', () => {
  expect(parseBusConfig('{}', '/p/bus_config.json').openlineage).toBeUndefined();
  for (const url of ['http://lineage.lan/api/v1/lineage', `https://\${HOST}:5000/`, `\${URL}`])
    expect(targetAt(url)).toEqual({ url, headers: {}, namespace: 'quantbot-bus', timeoutMs: 10_000 });
});

test.each([
  ['ftp://lineage.lan', 'must be an http or https address'],
  ['http://me:secret@lineage.lan', 'must not have a password in it'],
])('OpenLineage events are not sent to %s', (url, problem) => {
  expect(() => targetAt(url)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', details: [expect.stringContaining(problem)] }),
  );
});
