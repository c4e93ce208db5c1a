// @module-tag campaign
import { query } from '@quantbot/bus-format/duckdb';
import { submitOperation } from '@quantbot/infra/bus';
import { openObjects } from '@quantbot/infra/objects';
import { expect, test } from 'vitest';
import { describeClusters, type TestCluster } from './support/cluster.js';

/** Submits an operation on a table, without a daemon that executes it. */
const ask = (
  bus: TestCluster,
  op: { type: 'table_drop' | 'table_restore'; table: string } | { type: 'table_rename'; table: string; to: string },
) => submitOperation({ ...op, reason: null, by: null }, { busRoot: bus.objects });

/** Submits an operation that sets the mode of the table, without a daemon that executes it. */
const askFor = (bus: TestCluster, mode: 'append' | 'latest' | 'upsert', table = 'ticks') =>
  submitOperation(
    {
      type: 'table_set_mode',
      table,
      mode,
      key: mode === 'upsert' ? ['x'] : [],
      order_by: [],
      reason: null,
      by: null,
    },
    { busRoot: bus.objects },
  );

const shown = async (bus: TestCluster, table = 'ticks') =>
  (await bus.rows(`SELECT x FROM canon.${table} ORDER BY x`)).map(({ x }) => Number(x));

async function furnished(newCluster: (settings?: object) => Promise<TestCluster>): Promise<TestCluster> {
  const bus = await newCluster();
  for (const i of [0, 1, 2]) {
    await bus.submit(`job-${i}`, i);
    if (i > 0) await bus.done('start', '--drain');
  }
  return bus;
}

describeClusters(
  'modes of tables',
  newCluster => {
    test('a publisher that is killed before its commit to the lake leaves the old mode, and the next one sets it', async () => {
      const bus = await furnished(newCluster);
      const asked = await askFor(bus, 'latest');
      await bus.killedAt('publish:added', 'start', '--drain');
      expect(await shown(bus)).toEqual([0, 1, 2]);
      await expect(asked.settled({ timeoutMs: 1 })).rejects.toMatchObject({ code: 'SETTLE_TIMEOUT' });
      await bus.done('start', '--drain');
      expect((await asked.settled()).seq).toBe(4);
      expect(await shown(bus)).toEqual([2]);
      await bus.submit('job-3', 3);
      await bus.done('start', '--drain');
      expect(await shown(bus)).toEqual([3]);
    });

    test('kills between the steps of a rename, a drop and a restore lose and double nothing, and a new lake agrees', async () => {
      const bus = await furnished(newCluster);
      const reader = await bus.reader();
      const asked = [await ask(bus, { type: 'table_rename', table: 'ticks', to: 'prices' })];
      await bus.killedAt('publish:added', 'start', '--drain');
      expect(await shown(bus)).toEqual([0, 1, 2]);
      await bus.submit('job-3', 3); // with the old hint
      await bus.done('start', '--drain');
      expect(await shown(bus, 'prices')).toEqual([0, 1, 2, 3]);
      expect(await query(reader, 'SELECT count(*) AS n FROM canon.prices')).toEqual([{ n: 4n }]);
      await expect(shown(bus)).rejects.toThrow(/ticks does not exist/);

      asked.push(await ask(bus, { type: 'table_drop', table: 'prices' }));
      await bus.killedAt('commit:committed', 'start', '--drain');
      expect(await shown(bus, 'prices')).toEqual([0, 1, 2, 3]);
      await bus.done('start', '--drain');
      await expect(shown(bus, 'prices')).rejects.toThrow(/prices does not exist/);
      await bus.submit('job-4', 4);
      await bus.done('start', '--drain');
      expect(await shown(bus, 'prices')).toEqual([4]);

      asked.push(await ask(bus, { type: 'table_restore', table: 'prices' }));
      await bus.killedAt('commit:committed', 'start', '--drain');
      await bus.killedAt('publish:added', 'start', '--drain');
      expect(await shown(bus, 'prices')).toEqual([4]);
      await bus.done('start', '--drain');
      for (const job of asked) expect((await job.settled()).status).toBe('ingested');
      expect(await shown(bus, 'prices')).toEqual([0, 1, 2, 3, 4]);
      expect(await query(reader, 'SELECT count(*) AS n FROM canon.prices')).toEqual([{ n: 5n }]);

      for (const mode of ['latest', 'append', 'latest'] as const) await askFor(bus, mode, 'prices');
      await bus.submit('job-9', 9);
      await bus.done('start', '--drain');
      expect(await shown(bus, 'prices')).toEqual([9]);
      await bus.done('rebuild');
      expect(await shown(bus, 'prices')).toEqual([9]);
      await bus.pg.query('DROP SCHEMA bus CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public');
      await bus.done('rebuild', '--from-objects');
      expect(await shown(bus, 'prices')).toEqual([9]);
      await askFor(bus, 'append', 'prices');
      await bus.done('start', '--drain');
      expect(await shown(bus, 'prices')).toEqual([0, 1, 2, 3, 4, 9]);
      expect(await bus.done('verify', '--deep')).toContain('every file matches the journal');
    });

    test('killed at each step, daemons set types whole, and a new lake agrees, also about forgotten rows', async () => {
      const bus = await newCluster({ compaction: { release_grace_s: 0 } });
      const retype = (column_type: string) =>
        submitOperation(
          { type: 'table_retype', table: 'ticks', column: 'x', column_type, reason: null, by: null },
          { busRoot: bus.objects },
        );
      const types = async () =>
        (await bus.rows('SELECT CAST(x AS VARCHAR) AS x, typeof(x) AS type FROM canon.ticks ORDER BY _seq')).map(
          ({ x, type }) => `${x} ${type}`,
        );
      const drain = () => bus.done('start', '--drain');
      await bus.submit('1', '1.5');
      await bus.submit('2', '2');
      await drain();
      await submitOperation(
        { type: 'forget', artifact_keys: ['1/p/k/a'], force: true, rows: 'default', reason: null, by: null },
        { busRoot: bus.objects },
      );
      await drain();
      expect(await bus.names('store/p/k/1@')).toEqual([]); // only the lake has its row
      const refused = await bus.command('table', 'retype', 'ticks', 'x', 'BIGINT');
      expect(refused.stderr).toContain('x: 1.5 in a forgotten artifact of canon.ticks');
      const asked = [await retype('DOUBLE')];
      await bus.killedAt('commit:committed', 'start', '--drain');
      await bus.submit('3', '3');
      await bus.killedAt('publish:added', 'start', '--drain');
      expect(await types()).toEqual(['1.5 VARCHAR', '2 VARCHAR']);
      await drain();
      expect(await types()).toEqual(['1.5 DOUBLE', '2.0 DOUBLE', '3.0 DOUBLE']);

      // A file that comes together with an operation is committed before it or after it.
      asked.push(await retype('VARCHAR'));
      const decimal = await retype('DECIMAL(9,2)');
      const jobs = [await bus.submit('4', '4'), await bus.submit('5', '5')];
      const text = await bus.submit('six', '6x');
      await bus.killedAt('commit:committed', 'start', '--drain');
      await drain();
      for (const job of [...asked, ...jobs]) expect((await job.settled()).status).toBe('ingested');
      const opposed = await Promise.allSettled([text.settled(), decimal.settled()]);
      expect(opposed.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const before = await types();
      expect(before.map(text => Number.parseFloat(text)).sort()).toEqual([1.5, 2, 3, 4, 5, 6].slice(0, before.length));
      expect(new Set(before.map(text => text.split(' ')[1])).size).toBe(1);
      await bus.done('rebuild');
      expect(await types()).toEqual(before);
      await bus.pg.query('DROP SCHEMA bus CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public');
      await bus.done('rebuild', '--from-objects');
      expect(await types()).toEqual(before);
      expect(await bus.done('verify', '--deep')).toContain('every file matches the journal');

      // An artifact without an object cannot be compared.
      const [lost = ''] = await bus.names('store/p/k/3@');
      await (await openObjects(bus.objects)).remove([lost]);
      const { stderr } = await bus.command('table', 'retype', 'ticks', 'x', 'DECIMAL(9,3)');
      expect(stderr).toContain('3/p/k/a cannot be read');
    });

    test('daemons that run at the same time follow the operation that another one has committed', async () => {
      const bus = await furnished(newCluster);
      const daemons = [bus.start(), bus.start()];
      await (await askFor(bus, 'latest')).settled();
      for (let i = 3; i < 9; i++) await bus.submit(`job-${i}`, i).then(job => job.settled());
      expect(await shown(bus)).toEqual([8]);
      await (await askFor(bus, 'append')).settled();
      for (let i = 9; i < 12; i++) await bus.submit(`job-${i}`, i).then(job => job.settled());
      expect(await shown(bus)).toHaveLength(12);
      // Jobs that come at the same time are committed before the operation or after it.
      let next = 12;
      const amongJobs = async (op: Parameters<typeof ask>[1]) => {
        const numbers = Array.from({ length: 6 }, () => next++);
        const jobs = numbers.map(i => bus.submit(`job-${i}`, i));
        const operation = await ask(bus, op);
        for (const job of [...(await Promise.all(jobs)), operation]) await job.settled();
      };
      await amongJobs({ type: 'table_rename', table: 'ticks', to: 'prices' });
      expect(await shown(bus, 'prices')).toEqual(Array.from({ length: next }, (_, i) => i));
      await amongJobs({ type: 'table_drop', table: 'prices' });
      await amongJobs({ type: 'table_restore', table: 'prices' });
      expect(await shown(bus, 'prices')).toEqual(Array.from({ length: next }, (_, i) => i));
      for (const { process, ended, stderr } of daemons) {
        process.kill('SIGTERM');
        expect(await ended, stderr()).toMatchObject({ code: 0 });
      }
    });

    test('a key and a file with NULL in it that come together: one of the two is refused, and a kill changes nothing', async () => {
      const bus = await furnished(newCluster);
      const asked = await askFor(bus, 'upsert');
      const job = await bus.submit('job-null', null);
      await bus.done('start', '--drain');
      const [key, file] = await Promise.allSettled([asked.settled(), job.settled()]);
      expect([key.status, file.status].sort()).toEqual(['fulfilled', 'rejected']);
      if (key.status === 'rejected') {
        expect(await shown(bus)).toEqual([0, 1, 2, 0]); // Number(null) is 0
        await submitOperation(
          { type: 'forget', artifact_keys: ['job-null/p/k/a'], force: true, rows: 'drop', reason: null, by: null },
          { busRoot: bus.objects },
        );
        await bus.done('start', '--drain');
        await askFor(bus, 'upsert');
      } else await askFor(bus, 'append');
      await bus.killedAt('publish:added', 'start', '--drain');
      await bus.submit('job-2-again', 2);
      await bus.done('start', '--drain');
      if (key.status === 'fulfilled') {
        await askFor(bus, 'upsert');
        await bus.done('start', '--drain');
      }
      expect(await shown(bus)).toEqual([0, 1, 2]);
      await bus.done('rebuild');
      expect(await shown(bus)).toEqual([0, 1, 2]);
      expect(await bus.done('verify')).toContain('every file matches the journal');
    });
  },
  ['campaign'],
);
