// @module-tag campaign
import { existsSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { submitOperation } from '@quantbot/infra/bus';
import { openCatalog } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { expect, test } from 'vitest';
import { describeClusters, type TestCluster } from './support/cluster.js';

const keyOf = (i: number) => `job-${i}/p/k/a`;

/** Returns what readers see of the canonical table and of the forgotten artifacts. */
async function shownBy(bus: TestCluster) {
  const catalog = await openCatalog({ config: bus.config });
  try {
    return {
      ticks: (await catalog.query('SELECT x FROM canon.ticks ORDER BY x')).map(({ x }) => Number(x)),
      forgotten: (await catalog.query('SELECT artifact_key, rows FROM catalog.forgotten_f ORDER BY 1')).map(row => [
        row.artifact_key,
        row.rows,
      ]),
    };
  } finally {
    await catalog.close();
  }
}

/** Submits an operation `forget`, without a daemon that executes it. */
const askToForget = (bus: TestCluster, keys: string[], rows: 'default' | 'drop' = 'default') =>
  submitOperation(
    { type: 'forget', artifact_keys: keys, rows, force: true, reason: null, by: null },
    { busRoot: bus.objects },
  );

async function furnished(
  newCluster: (settings?: object) => Promise<TestCluster>,
  settings: object = { compaction: { release_grace_s: 0 } },
): Promise<TestCluster> {
  const bus = await newCluster(settings);
  for (const i of [0, 1, 2, 3]) {
    await bus.submit(`job-${i}`, i);
    if (i === 2) await bus.done('start', '--drain');
  }
  await bus.done('start', '--drain');
  return bus;
}

const erasedAndKept = {
  ticks: [0, 2, 3],
  forgotten: [
    [keyOf(0), 'kept'],
    [keyOf(1), 'dropped'],
  ],
};

describeClusters(
  'forgetting',
  (newCluster, kind) => {
    test('a lake that is made again has the rows that stayed, and lacks those that left', async () => {
      const bus = await furnished(newCluster);
      const store = await bus.names('store/');
      for (const [key, rows] of [
        [keyOf(0), 'default'],
        [keyOf(1), 'drop'],
      ] as const) {
        const asked = await askToForget(bus, [key], rows);
        await bus.done('start', '--drain');
        expect((await asked.settled()).forget).toMatchObject([{ key, status: 'forgotten' }]);
      }
      expect(await shownBy(bus)).toEqual(erasedAndKept);
      expect((await bus.names('store/')).length).toBe(store.length - 2);
      expect(await bus.done('verify', '--erased', keyOf(1))).toContain(`no file of the bus holds ${keyOf(1)}`);
      const kept = await bus.command('verify', '--erased', keyOf(0));
      expect(kept).toMatchObject({ code: 2, stdout: expect.stringContaining('its rows stay in its table') });
      const there = await bus.command('verify', '--erased', keyOf(2));
      expect(there.stdout).toMatch(/store\/.*the same bytes[\s\S]*lake\/.*it has 1 of its rows/);
      await bus.done('rebuild');
      expect(await shownBy(bus)).toEqual(erasedAndKept);
      await bus.done('rebuild'); // the rows are in files of the lake before
      expect(await shownBy(bus)).toEqual(erasedAndKept);
      await bus.pg.query('DROP SCHEMA bus CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public');
      await bus.done('rebuild', '--from-objects');
      expect(await shownBy(bus)).toEqual(erasedAndKept);
      expect(await bus.done('verify', '--deep')).toContain('every file matches the journal');
      expect(JSON.parse(await bus.done('backup', '--json'))).toMatchObject({ artifacts: 2, missing: [] });
      expect(JSON.parse(await bus.done('scrub', '--json'))).toMatchObject({ findings: [] });
    });

    test.skipIf(kind !== 'file')('rows in files that a rebuild left are erased by gc', async () => {
      const bus = await furnished(newCluster);
      await bus.done('rebuild');
      await askToForget(bus, [keyOf(1)], 'drop');
      await bus.done('start', '--drain');
      const before = await bus.command('verify', '--erased', keyOf(1));
      expect(before).toMatchObject({
        code: 2,
        stdout: expect.stringMatching(/lake\/ticks\/.* quantbot-bus gc .*--apply/),
      });
      const hoursAgo = Date.now() / 1000 - 7200;
      for (const key of await bus.names('lake/')) utimesSync(join(bus.folder, 'objects', key), hoursAgo, hoursAgo);
      await bus.done('gc', '--keep-unfinished', '1h', '--apply');
      expect(await bus.done('verify', '--erased', keyOf(1))).toContain(`no file of the bus holds ${keyOf(1)}`);
      expect(await bus.done('verify', '--deep')).toContain('every file matches the journal');
    });

    test('a dataset that an erasure has replaced goes after the grace period, though no job follows', async () => {
      const tables = { ticks: { layout: 'dataset' } };
      const bus = await furnished(newCluster, { compaction: { release_grace_s: 0.5 }, export: { tables } });
      const folders = async () => new Set((await bus.names('exports/ticks/')).map(name => name.split('/')[2]));
      const [before] = await folders();
      const daemon = bus.start();
      await (await askToForget(bus, [keyOf(1)], 'drop')).settled();
      const after = await eventually(folders, found => found.size === 1 && !found.has(before));
      expect(after.size).toBe(1);
      const erased = () => bus.command('verify', '--erased', keyOf(1));
      expect(await eventually(erased, ({ code }) => code === 0)).toMatchObject({ code: 0 });
      daemon.process.kill('SIGTERM');
      expect(await daemon.ended, daemon.stderr()).toMatchObject({ code: 0 });
    });

    test.skipIf(kind !== 'file')(
      'a daemon that has taken rows from files of the lake leaves no copies of them',
      async () => {
        const bus = await furnished(newCluster);
        await askToForget(bus, [keyOf(0)]);
        await bus.done('start', '--drain');
        const daemon = bus.start();
        await bus.submit('job-4', 4).then(job => job.settled());
        await bus.done('rebuild'); // the daemon does the work
        expect((await shownBy(bus)).ticks).toEqual([0, 1, 2, 3, 4]);
        const left = () =>
          readdirSync(bus.folder)
            .filter(name => name.startsWith('quantbot-bus-'))
            .flatMap(name => readdirSync(join(bus.folder, name)))
            .filter(name => /^(salvage|fragment)-/.test(name));
        await expect.poll(left, { timeout: 30_000 }).toEqual([]);
        daemon.process.kill('SIGTERM');
        expect(await daemon.ended, daemon.stderr()).toMatchObject({ code: 0 });
      },
    );

    test('a drain leaves bytes that readers of other hosts may be about to open', async () => {
      const bus = await furnished(newCluster);
      const store = await bus.names('store/');
      bus.configure({ compaction: { release_grace_s: 3600 } });
      await askToForget(bus, [keyOf(0)]);
      await askToForget(bus, [keyOf(1)], 'drop');
      await bus.done('start', '--drain');
      expect(await shownBy(bus)).toEqual(erasedAndKept);
      expect(await bus.names('store/')).toEqual(store);
      bus.configure({ compaction: { release_grace_s: 0 } });
      await bus.done('start', '--drain');
      expect((await bus.names('store/')).length).toBe(store.length - 2);
      expect(await bus.done('verify', '--erased', keyOf(1))).toContain(`no file of the bus holds ${keyOf(1)}`);
    });

    test('bytes that are removed before a job brings them back are uploaded again', async () => {
      const bus = await furnished(newCluster);
      await askToForget(bus, [keyOf(0)], 'drop');
      await bus.done('start', '--drain');
      const back = await bus.submit('job-0', 0);
      await bus.done('start', '--drain');
      expect((await back.settled()).artifacts[0]?.status).toBe('restored');
      expect(await shownBy(bus)).toEqual({ ticks: [0, 1, 2, 3], forgotten: [] });
      await bus.done('rebuild');
      expect(await shownBy(bus)).toEqual({ ticks: [0, 1, 2, 3], forgotten: [] });
      expect(await bus.done('verify')).toContain('every file matches the journal');
    });

    test('operations that were committed one after the other are published together, unless rows came back between', async () => {
      const bus = await furnished(newCluster);
      const all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
      for (const i of all.slice(4)) await bus.submit(`job-${i}`, i);
      await bus.done('start', '--drain');
      const snapshots = async () => (await bus.pg.query('SELECT FROM public.ducklake_snapshot')).length;
      const before = await snapshots();
      for (const i of all.slice(0, 10)) await askToForget(bus, [keyOf(i)], 'drop');
      await bus.submit('job-12', 12);
      const back = await bus.submit('job-0', 0);
      await bus.done('start', '--drain');
      expect((await back.settled()).artifacts[0]?.status).toBe('restored');
      const shown = { ticks: [0, 10, 11, 12], forgotten: all.slice(1, 10).map(i => [keyOf(i), 'dropped']) };
      expect(await shownBy(bus)).toEqual(shown);
      expect((await snapshots()) - before).toBeLessThan(6);
      await bus.done('rebuild');
      expect(await shownBy(bus)).toEqual(shown);
    });

    test('a daemon that freezes before it removes an object, and wakes up late, takes nothing that came again', async () => {
      const bus = await furnished(newCluster);
      const [first] = (await bus.names('store/')).filter(name => name.includes('/job-0@'));
      await askToForget(bus, [keyOf(0)], 'drop');
      const frozen = await bus.frozenAt('forget:condemned', 'start');
      const back = await bus.submit('job-0', 0);
      await bus.done('start', '--drain');
      expect((await back.settled()).artifacts[0]?.status).toBe('restored');
      const there = async () => (await bus.names('store/')).filter(name => name.includes('/job-0@'));
      const [second = ''] = await there();
      expect(second).not.toBe(first);
      frozen.process.kill('SIGCONT');
      await bus.submit('job-4', 4).then(job => job.settled()); // it is awake, and its turn is over
      frozen.process.kill('SIGTERM');
      expect(await frozen.ended, frozen.stderr()).toMatchObject({ code: 0 });
      expect(await there()).toEqual([second]);
      const all = { ticks: [0, 1, 2, 3, 4], forgotten: [] };
      expect(await shownBy(bus)).toEqual(all);
      const [row] = await bus.rows(`SELECT canonical_path FROM catalog.artifacts_f WHERE artifact_key = '${keyOf(0)}'`);
      expect(row?.canonical_path).toMatch(new RegExp(`/${second}$`));
      expect(await bus.done('verify', '--deep')).toContain('every file matches the journal');
      expect(JSON.parse(await bus.done('backup', '--json'))).toMatchObject({ artifacts: 5, missing: [] });
      expect(JSON.parse(await bus.done('scrub', '--json'))).toMatchObject({ findings: [] });
      await bus.done('rebuild'); // the fragment is made from the new place
      expect(await shownBy(bus)).toEqual(all);
      // Whoever submits it once more creates the first object again. Forgetting removes both.
      await bus.submit('job-0', 0);
      await bus.done('start', '--drain');
      expect((await there()).sort()).toEqual([first, second].sort());
      await askToForget(bus, [keyOf(0)], 'drop');
      // Files that only old snapshots of the lake name may go with a later turn. What the rebuild
      // has left stays for an hour.
      const holders = async () => {
        await bus.done('start', '--drain');
        expect(await there()).toEqual([]);
        const { stdout } = await bus.command('verify', '--erased', keyOf(0), '--json');
        const { problems } = JSON.parse(stdout) as { problems: { detail: string }[] };
        return problems.filter(({ detail }) => !detail.includes('a rebuild left it'));
      };
      await eventually(holders, found => found.length === 0);
    });

    test.skipIf(kind !== 'file')('a publisher that is killed while it removes bytes ends what it began', async () => {
      const bus = await furnished(newCluster);
      await askToForget(bus, [keyOf(0), keyOf(1)]);
      await bus.killedAt('forget:objects-removed', 'start', '--drain');
      expect(await bus.pg.query('SELECT seq FROM bus.removal WHERE seq < 5')).toHaveLength(1);
      await bus.done('start', '--drain');
      expect(await bus.pg.query('SELECT seq FROM bus.removal')).toEqual([{ seq: 5 }]);
      expect((await bus.names('store/')).length).toBe(2);
      expect(await shownBy(bus)).toMatchObject({ ticks: [0, 1, 2, 3] });
      expect(await bus.done('verify')).toContain('every file matches the journal');
      // An object that came again for a job that never came is garbage.
      const [stored = ''] = await bus.names('store/');
      expect(existsSync(join(bus.folder, 'objects', stored))).toBe(true);
      rmSync(join(bus.folder, 'objects', stored));
      expect(await bus.command('verify')).toMatchObject({ code: 2, stdout: expect.stringContaining('MISSING') });
    });
  },
  ['campaign'],
);
