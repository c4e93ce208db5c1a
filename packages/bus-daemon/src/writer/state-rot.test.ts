import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scrub } from '@quantbot/bus-care/scrub';
import { listOutcomes, verifyStore } from '@quantbot/bus-care/verify';
import {
  createToken,
  exportStatusFile,
  guardsOf,
  readExportStatus,
  scrubFileOf,
  stateFileOf,
  tryGuard,
  writeLineageCursor,
  writeTokenUses,
} from '@quantbot/bus-format/state';
import { readBusMarker } from '@quantbot/infra/bus';
import { writeState } from '@quantbot/infra/files';
import { flipBit } from '@quantbot/tooling-testing/rot';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { expect, test } from 'vitest';
import { claimedNumbers, makeCommits, runBatch } from '../../test/support/commits.js';
import { openInProcess } from '../../test/support/in-process-bus.js';
import { putClaimed } from '../../test/support/jobs.js';
import { copyBus } from '../../test/support/rotten-bus.js';
import type { Bus } from './bus.js';
import { Maintenance } from './loop/maintenance.js';
import { mendOutcomes } from './mend-outcomes.js';
import { Publisher } from './publish/publisher.js';
import { verify } from './stages/verify.js';

/** A bus with two ingested jobs, one of them submitted twice, and a rejected one. */
async function settledBus() {
  const opened = await openInProcess();
  const { bus, test: testBus } = opened;
  await makeCommits(bus, testBus, 1);
  const twice = await claimedNumbers(bus, testBus);
  const same = readFileSync(join(twice.folder, 'numbers.parquet'));
  await runBatch(bus, await verify(bus, [twice]));
  const artifacts = [{ artifact_id: 'numbers', relpath: 'numbers.parquet' }];
  const files = { 'numbers.parquet': { content: same } };
  const again = putClaimed(bus, { jobId: twice.jobId, files, manifest: { artifacts } });
  await runBatch(bus, await verify(bus, [again]));
  const bad = putClaimed(bus, { jobId: 'bad', files: { 'a.parquet': { content: 'no' } } });
  await runBatch(bus, await verify(bus, [bad]));
  await new Publisher(bus).publishOrThrow();
  return opened;
}

const problemsOf = async ({ config }: Pick<Bus, 'config'>) =>
  (await verifyStore(config)).problems.map(({ code, what }) => `${code} ${what}`);
const pathOf = ({ layout }: Bus, what: string) => join(layout.root, what);

sampled('a receipt or a reason that has rotted is found by verify and written again as it was', async () => {
  const { bus } = await settledBus();
  const whats = await listOutcomes(bus.layout);
  expect(whats).toHaveLength(3);
  expect(await problemsOf(bus)).toEqual([]);
  const good = whats.map(what => readFileSync(pathOf(bus, what)));
  const shortest = Math.min(...good.map(bytes => bytes.length));
  for (let at = 1; at < shortest; at += Math.floor(shortest / 6)) {
    for (const what of whats) flipBit(pathOf(bus, what), at);
    expect(await problemsOf(bus), `at ${at}`).toEqual(whats.map(what => `OUTCOME_DAMAGED ${what}`));
    expect(await mendOutcomes(bus, whats)).toEqual(whats);
    expect(whats.map(what => readFileSync(pathOf(bus, what)))).toEqual(good);
  }
  writeFileSync(pathOf(bus, whats[0] as string), '');
  rmSync(pathOf(bus, whats[1] as string));
  mkdirSync(pathOf(bus, whats[1] as string));
  expect(await mendOutcomes(bus, whats)).toEqual(whats.slice(0, 2));
  expect(await problemsOf(bus)).toEqual([]);
});

test('the receipts of a bus that was moved are sound', async () => {
  const { bus, test: testBus } = await settledBus();
  const moved = copyBus(testBus);
  const { problems } = await verifyStore(moved.config);
  expect(problems.filter(({ code }) => code === 'OUTCOME_DAMAGED')).toEqual([]);
  const [what] = await listOutcomes(bus.layout);
  flipBit(join(moved.layout.root, what as string), 20);
  expect(await problemsOf(moved)).toContain(`OUTCOME_DAMAGED ${what}`);
});

sampled('a damaged small file is named, and the daemon writes it again', async () => {
  const { bus } = await settledBus();
  const { root, marker } = bus.layout;
  const status = join(bus.config.export.exportDir, exportStatusFile);
  const before = await readBusMarker(root);
  writeState(stateFileOf(root), { pid: 1, state: 'running', since: '', at: '', cause: null, waitingTables: [] });
  for (const path of guardsOf(bus.config)) (await tryGuard(path, bus.layout.building))?.release();
  await scrub(bus.config, { pace: async () => {} });
  expect(await problemsOf(bus)).toEqual([]);
  const [receipt] = await listOutcomes(bus.layout);
  for (const path of [...guardsOf(bus.config), pathOf(bus, receipt as string)]) flipBit(path, 100);
  writeFileSync(stateFileOf(root), '{');
  writeFileSync(status, '');
  flipBit(marker, 30);
  const found = [
    'STATE_DAMAGED bus.json',
    'STATE_DAMAGED daemon.json',
    `STATE_DAMAGED ${status}`,
    `OUTCOME_DAMAGED ${receipt}`,
  ];
  const [, databaseGuard] = guardsOf(bus.config);
  const guards = ['GUARD_DAMAGED writer.guard', `GUARD_DAMAGED ${databaseGuard}`];
  expect((await problemsOf(bus)).sort()).toEqual([...found, ...guards].sort());
  const { findings } = await scrub(bus.config, { pace: async () => {} });
  expect(findings.map(({ code, what }) => `${code} ${what}`)).toEqual(expect.arrayContaining(found));

  const maintenance = new Maintenance(bus, new Publisher(bus));
  await maintenance.finish();
  await maintenance.stop();
  for (const path of guardsOf(bus.config)) (await tryGuard(path, bus.layout.building))?.release();
  expect(await problemsOf(bus)).toEqual(['STATE_DAMAGED daemon.json']); // the daemon's loop writes it, which does not run here
  expect(await readBusMarker(root)).toEqual(before);
  expect((await readExportStatus(bus.config.export.exportDir)).exports).toHaveProperty('numbers');
  flipBit(scrubFileOf(root), 30);
  expect(await problemsOf(bus)).toContain('STATE_DAMAGED scrub.json');
  await scrub(bus.config, { pace: async () => {} });
  expect(await problemsOf(bus)).not.toContain('STATE_DAMAGED scrub.json');
});

test('a damaged token, the time of its last use, and the place of OpenLineage are named', async () => {
  const { bus } = await settledBus();
  const { root } = bus.layout;
  const scopes = { read: true, operate: false, submit: [] };
  for (const name of ['sound', 'hurt']) await createToken(root, { name, scopes, expiresAt: undefined });
  writeTokenUses(root, { sound: new Date().toISOString() });
  writeLineageCursor(root, 7);
  expect(await problemsOf(bus)).toEqual([]);
  const whats = ['openlineage.json', 'token_uses.json', 'tokens/hurt.json'];
  for (const what of whats) flipBit(pathOf(bus, what), 12);
  expect((await problemsOf(bus)).sort()).toEqual(whats.map(what => `STATE_DAMAGED ${what}`));
  const { findings } = await scrub(bus.config, { pace: async () => {} });
  expect(findings.map(({ what }) => what).sort()).toEqual(whats);
});

test('a folder in the place of a guard makes way', async () => {
  const { bus } = await openInProcess();
  const [path] = guardsOf(bus.config);
  mkdirSync(path);
  writeFileSync(join(path, 'kept'), '');
  const guard = await tryGuard(path, bus.layout.building);
  guard?.assertHeld();
  guard?.release();
  expect(guard).toBeDefined();
});
