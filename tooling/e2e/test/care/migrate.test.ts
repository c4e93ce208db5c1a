import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrate, planMigration } from '@quantbot/bus-care/migrate';
import { readBusMarker, recordLayout } from '@quantbot/infra/bus';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, quantbotBus } from '../support/daemon-process.js';

type Step = NonNullable<Parameters<typeof planMigration>[1]>[number];

/** A bus of an earlier layout, and the step that brings it to this one. */
async function oldBus(run: Step['run'] = async () => {}) {
  const bus = makeTestBus();
  await drain(bus);
  const busId = (await readBusMarker(bus.layout.root))?.bus_id;
  await recordLayout(bus.layout.root, 0);
  const steps: Step[] = [{ from: 0, what: 'Write a file.', run }];
  return { bus, busId, steps, to: join(bus.folder, 'backup') };
}

const layoutOf = async (bus: TestBus) => (await readBusMarker(bus.layout.root))?.layout_version;
const silent = () => {};

sampled('a plan names the steps and changes nothing', async () => {
  const { bus, steps, to } = await oldBus();
  expect(await planMigration(bus.config, steps)).toEqual({ layout: 0, newest: 1, steps: ['Write a file.'] });
  expect([await layoutOf(bus), existsSync(to)]).toEqual([0, false]);
});

test('a migration runs its steps after a backup, and keeps the identity of the bus', async () => {
  const { bus, busId, steps, to } = await oldBus(async layout => {
    expect(JSON.parse(readFileSync(join(to, 'bus.json'), 'utf8'))).toMatchObject({ layout_version: 0 });
    writeFileSync(join(layout.root, 'new-file'), '');
  });
  const doing: (string | undefined)[] = [];
  const report = await migrate(bus.config, to, ({ what }) => doing.push(what), steps);
  expect(doing.at(-1)).toBe('layout 1');
  expect(report.backup).toMatchObject({ destination: to, problems: [] });
  expect(existsSync(join(bus.layout.root, 'new-file'))).toBe(true);
  expect(await readBusMarker(bus.layout.root)).toMatchObject({ layout_version: 1, bus_id: busId });
  expect(JSON.parse(readFileSync(join(bus.layout.journal, 'bus.json'), 'utf8'))).toMatchObject({ layout_version: 1 });
  expect(await migrate(bus.config, to, silent, steps)).toMatchObject({ steps: [], backup: undefined });
});

sampled('a step that fails leaves the old layout, and runs again', async () => {
  let tries = 0;
  const { bus, steps, to } = await oldBus(async () => {
    if (++tries === 1) throw new Error('no space');
  });
  await expect(migrate(bus.config, to, silent, steps)).rejects.toThrow('no space');
  expect(await layoutOf(bus)).toBe(0);
  await migrate(bus.config, `${to}-2`, silent, steps);
  expect([await layoutOf(bus), tries]).toEqual([1, 2]);
});

sampled('nothing is migrated where the backup cannot be made', async () => {
  const { bus, steps } = await oldBus(() => Promise.reject(new Error('must not run')));
  const taken = join(bus.folder, 'taken');
  writeFileSync(taken, 'a file');
  await expect(migrate(bus.config, taken, silent, steps)).rejects.toMatchObject({ code: expect.any(String) });
  expect(await layoutOf(bus)).toBe(0);
});

test('the command says that there is nothing to do, and asks for the folder of the backup', async () => {
  const bus = makeTestBus();
  expect(await quantbotBus(bus, 'migrate')).toMatchObject({ code: 1, stderr: expect.stringContaining('BUS_ROOT') });
  await drain(bus);
  const nothing = 'layout 1, which this version writes: nothing to do\n';
  expect(await quantbotBus(bus, 'migrate')).toMatchObject({ code: 0, stdout: nothing });
  const json = await quantbotBus(bus, 'migrate', '--json');
  expect(JSON.parse(json.stdout)).toEqual({ applied: false, layout: 1, newest: 1, steps: [] });
  expect(await quantbotBus(bus, 'migrate', '--apply')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('--backup'),
  });
  const to = join(bus.folder, 'backup');
  expect(await quantbotBus(bus, 'migrate', '--apply', '--backup', to)).toMatchObject({ code: 0, stdout: nothing });
  expect(existsSync(to)).toBe(false);
});

test('a bus of a newer layout is refused by the daemon and by every command, unchanged', async () => {
  const bus = makeTestBus();
  await drain(bus);
  await recordLayout(bus.layout.root, 2);
  const before = readFileSync(bus.layout.marker, 'utf8');
  const refusal = {
    code: 'BUS_ROOT_NOT_FOUND',
    message: expect.stringContaining('has layout 2; this version knows 1'),
  };
  await expect(drain(bus)).rejects.toMatchObject({ ...refusal, hint: expect.stringContaining('Upgrade') });
  for (const args of [['migrate'], ['verify'], ['backup', join(bus.folder, 'backup')], ['rebuild']])
    expect(await quantbotBus(bus, ...args)).toMatchObject({ code: 1, stderr: expect.stringContaining('has layout 2') });
  expect(readFileSync(bus.layout.marker, 'utf8')).toBe(before);
});
