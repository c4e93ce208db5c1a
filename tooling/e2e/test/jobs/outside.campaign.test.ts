// @module-tag campaign
import { mkdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { startChild } from '@quantbot/tooling-testing/child';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { cliPath } from '../support/daemon-process.js';
import { canBuild, placeJobCase, readJobCases } from '../support/job-fixtures.js';
import { repository } from '../support/scripts.js';

const changing =
  /^(rename|renameat2?|link|linkat|unlink|unlinkat|mkdir|mkdirat|rmdir|chmod|fchmodat|chown|lchown|truncate|symlink|symlinkat|mknod|mknodat|utimensat|setxattr)\(/;
const opening = /^open(?:at2?)?\(.*?"((?:[^"\\]|\\.)*)".*\) = \d+<([^>]*)>/;

interface Opened {
  path: string;
  writes: boolean;
}

/**
 * Returns the files that a process and its children opened (with links resolved), and the absolute
 * paths that they changed.
 */
function readTrace(file: string): { opened: Opened[]; changed: string[] } {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .map(line => line.replace(/^\d+ +/, ''));
  const opened = lines.flatMap(line => {
    const path = opening.exec(line)?.[2];
    return path === undefined ? [] : [{ path, writes: /O_WRONLY|O_RDWR|O_CREAT|O_TRUNC/.test(line) }];
  });
  const changed: string[] = [];
  const open = new Map<string, string>();
  for (const line of lines) {
    const [, file, path] = /= (\d+)<([^>]*)>/.exec(line) ?? [];
    if (file !== undefined && path !== undefined) open.set(file, path);
    if (!changing.test(line)) continue;
    for (const [, named = ''] of line.matchAll(/"(\/(?:[^"\\]|\\.)*)"/g))
      changed.push(named.replace(/^\/proc\/self\/fd\/(\d+)/, (whole, file) => open.get(file) ?? whole));
  }
  return { opened, changed };
}

test('whatever jobs there are, no byte outside of the bus is read or written for them', async context => {
  const bus = makeTestBus();
  const hasStrace = await startChild('strace', ['-f', '-o', '/dev/null', 'true'], bus.folder).ended.catch(
    () => undefined,
  );
  if (hasStrace?.code !== 0) return context.skip('there is no strace');
  const daemon = (trace: string) =>
    startChild(
      'strace',
      ['-f', '--seccomp-bpf', '-qq', '-y', '-s', '4096', '-o', trace, '-e', 'trace=%file', process.execPath].concat([
        cliPath,
        'start',
        '--config',
        bus.configPath,
        '--drain',
      ]),
      bus.folder,
    );
  expect((await daemon(join(bus.folder, 'empty.trace')).ended).code).toBe(0);
  const outside = join(bus.folder, 'outside');
  mkdirSync(outside);
  for (const job of readJobCases().filter(canBuild)) placeJobCase(job, bus.layout.root, outside);
  await submit(bus, { schemaHint: 'canon.numbers' });
  const trace = join(bus.folder, 'jobs.trace');
  expect((await daemon(trace).ended).code).toBe(0);

  const { opened, changed } = readTrace(trace);
  const data = join(bus.folder, 'data') + sep;
  // Both lists must come from real work, and not from an empty trace.
  expect(opened.filter(({ path }) => path.startsWith(data)).length).toBeGreaterThan(500);
  expect(changed.length).toBeGreaterThan(200);
  expect(opened.filter(({ path }) => path.startsWith(outside))).toEqual([]);
  const isOurs = (path: string) => `${path}${sep}`.startsWith(data);
  const written = opened.filter(
    ({ path, writes }) => writes && !isOurs(path) && !/^(\/dev\/(null|tty)|\/proc\/)/.test(path),
  );
  expect(written).toEqual([]);
  expect(changed.filter(path => !isOurs(path))).toEqual([]);

  // All other reads are the program, its configuration and system files: the same as without any
  // job.
  const without = new Set(readTrace(join(bus.folder, 'empty.trace')).opened.map(({ path }) => path));
  const unexplained = opened
    .map(({ path }) => path)
    .filter(path => !isOurs(path) && !without.has(path) && !path.startsWith(repository))
    .filter(path => !/^(\/proc\/|\/sys\/|\/usr\/|\/lib|\/etc\/ld\.so|\/dev\/(null|urandom))/.test(path));
  expect([...new Set(unexplained)]).toEqual([]);
});
