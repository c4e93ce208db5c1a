import { describe, expect, test } from 'vitest';
import { refusalOf } from '../../test/support/refusal.js';
import { parseBusConfig } from './config.js';
import { notifyEvents } from './notify.js';

describe('hooks', () => {
  const hooked = (...notify: object[]) => parseBusConfig(JSON.stringify({ notify }), '/srv/lab/bus_config.json').notify;

  test('have defaults, and a program with a slash is relative to the file', () => {
    const common = {
      on: [...notifyEvents],
      producers: [],
      kinds: [],
      timeoutMs: 10_000,
      retries: 5,
      groupWaitMs: 1000,
    };
    expect(
      hooked(
        { name: 'a', command: ['bin/tell', 'x/y'] },
        { name: 'b', command: ['mail'] },
        { name: 'c', webhook: 'https://example.com/x', headers: { Authorization: 'Bearer $' + '{TOKEN}' } },
      ),
    ).toEqual([
      {
        ...common,
        name: 'a',
        target: { type: 'command', program: '/srv/lab/bin/tell', args: ['x/y'], cwd: '/srv/lab' },
      },
      { ...common, name: 'b', target: { type: 'command', program: 'mail', args: [], cwd: '/srv/lab' } },
      {
        ...common,
        name: 'c',
        // the daemon alone knows its variables
        target: { type: 'webhook', url: 'https://example.com/x', headers: { Authorization: 'Bearer $' + '{TOKEN}' } },
      },
    ]);
  });

  test('may have variables in their address, or nothing else', () => {
    const urls = ['$' + '{URL}', 'https://$' + '{HOST}/x', 'http://h:$' + '{PORT}/$' + '{KEY}'];
    expect(hooked(...urls.map((webhook, i) => ({ name: `h${i}`, webhook })))).toHaveLength(3);
  });

  test.each([
    [{ name: 'a' }, 'notify.0.command: a hook needs a command or a webhook'],
    [
      { name: 'a', command: ['x'], webhook: 'http://h/' },
      'notify.0.webhook: a hook has a command or a webhook, not both',
    ],
    [{ name: 'a', command: ['x'], headers: { A: 'b' } }, 'notify.0.headers: only a webhook has headers'],
    [{ name: 'a', command: [] }, 'notify.0.command: '],
    [{ name: 'a', command: [''] }, 'notify.0.command: must begin with a program'],
    [{ name: 'a', command: ['x\0'] }, 'notify.0.command: must not have a NUL character'],
    [{ name: 'a', webhook: 'ftp://h/' }, 'notify.0.webhook: must be an http or https address'],
    [{ name: 'a', webhook: 'chat' }, 'notify.0.webhook: must be an http or https address'],
    [{ name: 'a', webhook: 'https://u:p@h/' }, 'notify.0.webhook: must not have a password in it'],
    [{ name: 'a', webhook: 'http://h/', headers: { 'a b': 'c' } }, 'notify.0.headers.a b: '],
    [{ name: 'a', webhook: 'http://h/', headers: { a: 'b\r\nc: d' } }, 'notify.0.headers.a: must be one line'],
    [{ name: 'a', command: ['x'], on: [] }, 'notify.0.on: '],
    [{ name: 'a', command: ['x'], on: ['reject'] }, 'notify.0.on.0: '],
    [{ name: 'a', command: ['x'], on: ['paused', 'paused'] }, 'notify.0.on: names an event twice'],
    [{ name: 'a b', command: ['x'] }, 'notify.0.name: must be a name'],
    [{ name: 'a', command: ['x'], timeout: 1 }, 'notify.0.timeout: there is no such setting. Did you mean timeout_s?'],
    [{ name: 'a', command: ['x'], retries: 1000 }, 'notify.0.retries: '],
  ])('%j is refused', (hook, detail) => {
    const { code, details } = refusalOf({ notify: [hook] });
    expect(code).toBe('CONFIG_INVALID');
    expect(details).toEqual([expect.stringContaining(detail)]);
  });

  test('have names of their own', () => {
    const hook = { name: 'a', command: ['x'] };
    expect(refusalOf({ notify: [hook, hook] }).details).toEqual(['notify.1.name: appears twice: a']);
  });
});
