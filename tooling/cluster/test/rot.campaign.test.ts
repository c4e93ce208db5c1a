// @module-tag campaign
import { join } from 'node:path';
import { forgetMendedObjects, scrubCluster } from '@quantbot/bus-cluster/care';
import { type ClusterConfig, findBusConfig } from '@quantbot/infra/config';
import { type Objects, openObjects } from '@quantbot/infra/objects';
import { submitArtifacts, writeSmallParquet } from '@quantbot/infra/utils';
import { expect, test } from 'vitest';
import { describeClusters, type TestCluster } from './support/cluster.js';

interface Found {
  code: string;
  what: string;
}

/** Returns the problems that a command finds, without their details. */
async function foundBy(bus: TestCluster, ...args: string[]): Promise<Found[]> {
  const { code, stdout, stderr } = await bus.command(...args, '--json');
  const { problems, findings } = JSON.parse(stdout || '{}') as { problems?: Found[]; findings?: Found[] };
  const found = (problems ?? findings ?? []).map(({ code, what }) => ({ code, what }));
  expect(code, stderr).toBe(found.length === 0 ? 0 : 2);
  return found;
}

async function bytesOf(objects: Objects, key: string): Promise<Buffer> {
  return (await objects.read(key, 1_000_000)) as Buffer;
}

/** Flips a bit in the middle of an object. Returns what brings the old bytes back. */
async function damage(objects: Objects, key: string): Promise<() => Promise<void>> {
  const good = await bytesOf(objects, key);
  const bad = Buffer.from(good);
  bad[Math.floor(bad.length / 2)] = (bad[Math.floor(bad.length / 2)] ?? 0) ^ 4;
  await objects.replace(key, bad);
  return () => objects.replace(key, good);
}

describeClusters(
  'rot',
  (newCluster, kind) => {
    test('each damaged object is named, and a sound cluster has none', async () => {
      const bus = await newCluster({ export: { min_interval_s: 0 } });
      const objects = await openObjects(bus.objects);
      await bus.submit('job-0', 0);
      await bus.done('start', '--drain');
      const [fragment = ''] = await bus.names('lake/ticks/');
      const [segment = ''] = await bus.names('journal/');
      const [artifact = ''] = await bus.names('store/');
      expect(await foundBy(bus, 'verify', '--deep')).toEqual([]);
      for (const [what, code] of [
        [fragment, 'TABLE_DAMAGED'],
        ['exports/ticks.parquet', 'EXPORT_DAMAGED'],
        ['exports/_export_status.json', 'STATE_DAMAGED'],
        ['bus.json', 'STATE_DAMAGED'],
        [segment, 'JOURNAL_DAMAGED'],
        [artifact, 'CHANGED'],
      ] as const) {
        const mend = await damage(objects, what);
        for (const command of [['verify', '--deep'], ['scrub']])
          expect(await foundBy(bus, ...command), `${command} after damage to ${what}`).toEqual([{ code, what }]);
        // Elsewhere, the store has checked what it holds. A scrub has written the journal again.
        if (kind === 'file' && what !== segment) expect(await foundBy(bus, 'verify')).toEqual([{ code, what }]);
        await mend();
      }
      await damage(objects, segment);
      expect(await foundBy(bus, 'scrub')).toEqual([{ code: 'JOURNAL_DAMAGED', what: segment }]);
      expect(await foundBy(bus, 'verify', '--deep')).toEqual([]);
      await objects.remove([fragment]);
      expect(await foundBy(bus, 'verify')).toEqual([{ code: 'TABLE_DAMAGED', what: fragment }]);
      expect(JSON.parse((await bus.command('doctor', '--json')).stdout).findings).toContainEqual(
        expect.objectContaining({ code: 'LAKE_DAMAGED', what: expect.stringContaining(fragment) }),
      );
      await bus.done('rebuild');
      expect(await foundBy(bus, 'verify', '--deep')).toEqual([]);
      expect(await bus.rows('SELECT x FROM canon.ticks')).toEqual([{ x: 0n }]);
    });

    test('damaged outcomes of jobs are named, and written again from the journal', async () => {
      const bus = await newCluster();
      const objects = await openObjects(bus.objects);
      await bus.submit('job-0', 0);
      await bus.submit('job-1', 'a text');
      await bus.done('start', '--drain');
      const [receipt, reason, manifest] = [
        'receipts/job-0.json',
        'rejected/job-1.json',
        'rejected/job-1.manifest.json',
      ];
      const before = await Promise.all([receipt, reason].map(key => bytesOf(objects, key)));
      await damage(objects, receipt);
      await objects.replace(reason, Buffer.from('{'));
      const mend = await damage(objects, manifest);
      const hurt = [receipt, reason, manifest].map(what => ({ code: 'OUTCOME_DAMAGED', what }));
      expect(await foundBy(bus, 'verify')).toEqual(hurt);
      const { stdout } = await bus.command('doctor', '--json');
      for (const { what } of hurt)
        expect(JSON.parse(stdout).findings).toContainEqual(
          expect.objectContaining({ code: 'OUTCOME_DAMAGED', what: expect.stringContaining(what) }),
        );
      expect((await bus.command('retry', 'job-1')).stderr).toContain('FILE_DAMAGED');
      expect(await foundBy(bus, 'scrub')).toEqual(hurt);
      await bus.done('start', '--drain');
      expect(await Promise.all([receipt, reason].map(key => bytesOf(objects, key)))).toEqual(before);
      expect((await bus.command('retry', 'job-1')).stderr).toContain('FILE_DAMAGED');
      expect(await foundBy(bus, 'verify')).toEqual([{ code: 'OUTCOME_DAMAGED', what: manifest }]);
      await mend();
      expect(await foundBy(bus, 'verify')).toEqual([]);
      await objects.remove([receipt, reason]);
      const lost = [receipt, reason].map(what => ({ code: 'OUTCOME_DAMAGED', what }));
      expect(await foundBy(bus, 'scrub')).toEqual(lost);
      await bus.done('start', '--drain');
      expect(await Promise.all([receipt, reason].map(key => bytesOf(objects, key)))).toEqual(before);
      await bus.done('gc', '--keep', '0s', '--apply');
      expect([...(await bus.names('receipts/')), ...(await bus.names('rejected/'))]).toEqual([]);
      expect(await foundBy(bus, 'verify')).toEqual([]);
    });

    test('a rejected job whose manifest is damaged is named until it is dismissed', async () => {
      const bus = await newCluster();
      const objects = await openObjects(bus.objects);
      await bus.submit('job-0', 0);
      await bus.submit('job-1', 'a text');
      await bus.done('start', '--drain');
      const manifest = 'rejected/job-1.manifest.json';
      await damage(objects, manifest);
      expect(await foundBy(bus, 'verify')).toEqual([{ code: 'OUTCOME_DAMAGED', what: manifest }]);
      bus.start();
      await bus.done('dismiss', 'job-1', '--note', 'damaged');
      expect(await foundBy(bus, 'verify')).toEqual([]);
    });

    test('a manifest that has changed in the inbox is rejected', async () => {
      const bus = await newCluster();
      const objects = await openObjects(bus.objects);
      await bus.submit('job-0', 0);
      const [entry = ''] = await bus.names('inbox/');
      const text = (await bytesOf(objects, entry)).toString();
      expect(text).toContain('"producer": "p"');
      await objects.replace(entry, Buffer.from(text.replace('"producer": "p"', '"producer": "q"')));
      await bus.done('start', '--drain');
      expect(await bus.names('')).not.toContain(entry);
      expect(JSON.parse((await bytesOf(objects, 'rejected/job-0.json')).toString())).toMatchObject({
        code: 'MANIFEST_INVALID',
        error: expect.stringContaining(entry),
      });
    });

    test('a damaged marker is written again, and that of another bus stays', async () => {
      const bus = await newCluster();
      const objects = await openObjects(bus.objects);
      await bus.submit('job-0', 0);
      await bus.done('start', '--drain');
      const good = await bytesOf(objects, 'bus.json');
      await damage(objects, 'bus.json');
      const refused = await bus.command('start', '--drain');
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('quantbot-bus cluster init')]);
      await bus.done('cluster', 'init');
      expect(JSON.parse((await bytesOf(objects, 'bus.json')).toString()).bus_id).toBe(
        JSON.parse(good.toString()).bus_id,
      );
      await bus.done('start', '--drain');
      // The journal in the bucket is not the one of this database: nobody knows whose bucket it is.
      await damage(objects, 'bus.json');
      await bus.pg.query(`UPDATE bus.journal SET run_id = 'another'`);
      expect(await bus.command('cluster', 'init')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('is not that of the database'),
      });
    });

    test('an interrupted scrub goes on where it was, and one runs at a time', async () => {
      const bus = await newCluster();
      const objects = await openObjects(bus.objects);
      await bus.submit('job-0', 0);
      await bus.done('start', '--drain');
      const cluster = findBusConfig({ config: bus.config }).config.cluster as ClusterConfig;
      const mend = await damage(objects, 'bus.json'); // the first object, which is found and noted
      let reads = 0;
      const pace = async () => {
        if (++reads === 1) await expect(scrubCluster(cluster, { pace })).rejects.toMatchObject({ code: 'SCRUB_BUSY' });
        if (reads === 2) throw new Error('killed');
      };
      await expect(scrubCluster(cluster, { pace })).rejects.toThrow('killed');
      const state = async () => JSON.parse(await bus.done('status', '--json')).scrub;
      const before = await state();
      expect(before).toMatchObject({ ended_at: null, findings: [{ code: 'STATE_DAMAGED', what: 'bus.json' }] });
      const { started_at, files, findings } = await scrubCluster(cluster, { pace });
      expect({ started_at, isLonger: files > before.files, findings }).toMatchObject({
        started_at: before.started_at,
        isLonger: true,
        findings: [{ what: 'bus.json' }],
      });
      await forgetMendedObjects(cluster, pace);
      expect((await state()).findings).toHaveLength(1);
      await mend();
      await forgetMendedObjects(cluster, pace);
      expect((await state()).findings).toEqual([]);
    });

    test('a lost file of the catalog is named', async () => {
      const bus = await newCluster({ export: { enabled: false } });
      const parquetPath = join(bus.folder, 'one.parquet');
      await writeSmallParquet(parquetPath, { columns: { x: { type: 'int64' } }, rows: [{ x: 1 }] });
      const artifacts = Array.from({ length: 6 }, (_, i) => ({ artifactId: `a${i}`, parquetPath }));
      const ids = { busRoot: bus.objects, runId: 'r', producer: 'p', kind: 'k' };
      await submitArtifacts({ ...ids, artifacts, meta: { m: 'm'.repeat(900_000) } });
      await bus.done('start', '--drain');
      const [file = ''] = await bus.names('lake/_bus.journal/'); // so much text is not inlined
      expect(await foundBy(bus, 'verify', '--deep')).toEqual([]);
      await (await openObjects(bus.objects)).remove([file]);
      expect(await foundBy(bus, 'verify')).toEqual([{ code: 'TABLE_DAMAGED', what: file }]);
      await bus.done('rebuild');
      expect(await foundBy(bus, 'verify', '--deep')).toEqual([]);
    });

    test('a catalog that differs from the journal is found', async () => {
      const bus = await newCluster();
      await bus.submit('job-0', 0);
      await bus.done('start', '--drain');
      const [{ name } = { name: '' }] = await bus.pg.query<{ name: string }>(
        `SELECT i.table_name AS name FROM ducklake_inlined_data_tables i JOIN ducklake_table t USING (table_id) WHERE t.table_name = 'journal'`,
      );
      await bus.pg.query(`UPDATE ${name} SET producer = 'another'`);
      expect(await foundBy(bus, 'verify')).toEqual([]);
      expect(await foundBy(bus, 'verify', '--deep')).toEqual([{ code: 'TABLE_DAMAGED', what: 'catalog' }]);
    });

    test.skipIf(kind !== 'file')('an export is not made from a damaged file', async () => {
      const bus = await newCluster({ export: { min_interval_s: 0 } });
      const objects = await openObjects(bus.objects);
      await bus.submit('job-0', 0);
      await bus.done('start', '--drain');
      const before = await bytesOf(objects, 'exports/ticks.parquet');
      const [fragment = ''] = await bus.names('lake/ticks/');
      await damage(objects, fragment);
      await bus.submit('job-1', 1);
      await bus.command('start', '--drain');
      const [tried] = await bus.pg.query(`SELECT error FROM bus.exports WHERE name = 'ticks'`);
      expect(tried?.error).toContain(fragment);
      expect(await bytesOf(objects, 'exports/ticks.parquet')).toEqual(before);
      await bus.done('rebuild');
      await bus.done('start', '--drain');
      expect(await foundBy(bus, 'verify', '--deep')).toEqual([]);
      expect((await bytesOf(objects, 'exports/ticks.parquet')).equals(before)).toBe(false);
    });
  },
  ['campaign'],
);
