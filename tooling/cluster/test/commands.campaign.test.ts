import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { submitOperation } from '@quantbot/infra/bus';
import { openObjects } from '@quantbot/infra/objects';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { expect, test } from 'vitest';
import { describeClusters } from './support/cluster.js';

describeClusters(
  'the command line',
  (newCluster, kind) => {
    test('answers about a cluster, and retries what was rejected', async () => {
      const bus = await newCluster({ canon: { auto_register: false } });
      for (const i of [0, 1]) await bus.submit(`job-${i}`, i);
      await bus.done('start', '--drain');
      const rejected = JSON.parse(await bus.done('rejected', '--json'));
      expect(rejected).toMatchObject([{ jobId: 'job-1' }, { jobId: 'job-0', reason: { code: 'SCHEMA_MISMATCH' } }]);

      bus.configure();
      expect(await bus.done('retry', '--code', 'SCHEMA_MISMATCH')).toContain('2 jobs back in the inbox');
      expect(await bus.done('rejected')).toContain('no job is rejected');
      await bus.done('start', '--drain');
      expect(await bus.names('inbox/')).toEqual([]);
      expect(await bus.names('receipts/')).toEqual(['receipts/job-0.json', 'receipts/job-1.json']);

      const select = 'SELECT x, _seq FROM canon.ticks ORDER BY x';
      expect(await bus.done('query', select, '--format', 'csv')).toBe('x,_seq\n0,3\n1,4\n');
      expect(await bus.done('query', 'SELECT count(*) AS n FROM canon.ticks', '--as-of', '3', '--json')).toContain('1');
      const path = (await bus.done('catalog', 'latest', 'p/k', '--path')).trim();
      expect(await bus.done('query', `SELECT x FROM read_parquet('${path}')`, '--format', 'csv')).toBe('x\n1\n');
      const outside = await bus.command('query', "SELECT * FROM read_text('/etc/hostname')");
      expect(outside).toMatchObject({ code: 1, stderr: expect.stringContaining('OUT_OF_REACH') });

      expect(JSON.parse(await bus.done('status', '--json'))).toMatchObject({
        jobs: { ingested: 2, rejected: 2 },
        lastSeq: 4,
        publishedSeq: 4,
      });
      expect(await bus.done('catalog', 'artifacts')).toContain('job-1');
      expect(await bus.done('verify')).toContain('2 artifacts');
    });

    test('golden exports lie in the object store, and one that fails stops no other', async () => {
      const bus = await newCluster({
        export: {
          jobs: [
            { name: 'newest', sql: 'SELECT max(x) AS x FROM canon.ticks' },
            { name: 'wrong', sql: 'SELECT nothing FROM canon.ticks' },
          ],
          tables: { ticks: { sort_by: ['x DESC'] } },
        },
      });
      const drain = async () => expect((await bus.command('start', '--drain')).code).toBe(2); // an export failed
      for (const i of [0, 1]) await bus.submit(`job-${i}`, i);
      await drain();
      const exported = async () => {
        const { exports } = JSON.parse(await bus.done('status', '--json')) as { exports: object[] };
        return exports;
      };
      expect(await exported()).toMatchObject([
        { name: 'newest', seq: 2, rows: 1, error: null },
        { name: 'ticks', seq: 2, rows: 2, error: null },
        { name: 'wrong', rows: 0, error: expect.stringContaining('nothing') },
      ]);
      const objects = await openObjects(bus.objects);
      const rowsOf = (name: string) =>
        bus.rows(`FROM read_parquet('${objects.locationOf(`exports/${name}.parquet`)}')`);
      expect(await rowsOf('newest')).toEqual([{ x: 1n }]);
      expect((await rowsOf('ticks')).map(({ x, _seq }) => ({ x, _seq }))).toEqual([
        { x: 1n, _seq: 2n },
        { x: 0n, _seq: 1n },
      ]);
      await bus.submit('job-2', 2);
      await drain();
      expect(await rowsOf('newest')).toEqual([{ x: 2n }]);
      expect(await exported()).toMatchObject([{ seq: 3 }, { seq: 3, rows: 3 }, { name: 'wrong' }]);
    });

    test('an export that a rename overtakes is no failure, and the next one has the new name', async () => {
      const bus = await newCluster({ export: { min_interval_s: 0, max_share: 1 } });
      await bus.submit('job-0', 0);
      const frozen = await bus.frozenAt('export:begun', 'start');
      const rename = { type: 'table_rename' as const, table: 'ticks', to: 'quotes', reason: null, by: null };
      await submitOperation(rename, { busRoot: bus.objects });
      await bus.done('start', '--drain');
      frozen.process.kill('SIGCONT');
      await (await bus.submit('job-1', 1)).settled();
      const exported = async () => JSON.parse(await bus.done('status', '--json')).exports as { rows: number }[];
      const [quotes, ...others] = await eventually(exported, found => found.some(({ rows }) => rows === 2));
      expect(quotes).toMatchObject({ name: 'quotes', error: null });
      expect(others).toEqual([]);
      frozen.process.kill('SIGTERM');
      expect(await frozen.ended, frozen.stderr()).toMatchObject({ code: 0 });
      expect(frozen.stderr()).not.toContain('an export failed');
    });

    test('doctor finds what is wrong with a cluster', async () => {
      const bus = await newCluster();
      const codes = async () => {
        const { code, stdout } = await bus.command('doctor', '--json');
        const { findings } = JSON.parse(stdout) as { findings: { check: string; code: string }[] };
        return { code, found: findings.flatMap(finding => (finding.code === 'OK' ? [] : finding.code)).sort() };
      };
      expect(await codes()).toEqual({ code: 0, found: ['NO_DAEMON'] });
      await bus.submit('job-0', 0);
      await bus.done('start', '--drain');
      await bus.pg.query(
        `INSERT INTO bus.members (daemon, host, pid, version, last_seen)
       VALUES ('a', 'h', 1, '1', now() + interval '1 day'), ('b', 'h', 2, '2', now() + interval '1 day')`,
      );
      await bus.pg.query(`UPDATE bus.head SET bus_id = 'other'`);
      expect(await codes()).toEqual({ code: 2, found: ['DAEMON_VERSIONS', 'OBJECTS_OF_OTHER_BUS'] });
      await bus.pg.query(`INSERT INTO bus.migrations (version, name) VALUES (99, 'later')`);
      expect(await codes()).toEqual({ code: 2, found: ['CLUSTER_SCHEMA'] });
      bus.configure({}, 'postgres://bus:secret@127.0.0.1:1/bus');
      expect(await codes()).toEqual({ code: 2, found: ['POSTGRES_UNREACHABLE'] });
      const { code, stderr } = await bus.command('start', '--drain');
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('POSTGRES_UNREACHABLE') });
      expect(stderr).not.toContain('secret');
    });

    test.skipIf(kind !== 'file')('a query connects with the password of PostgreSQL, and cannot read it', async () => {
      const bus = await newCluster();
      const { cluster } = JSON.parse(readFileSync(bus.config, 'utf8')) as { cluster: { postgres: string } };
      const [{ hba_file: rules } = { hba_file: '' }] = await bus.pg.query<{ hba_file: string }>('SHOW hba_file');
      writeFileSync(rules, `host all reader 127.0.0.1/32 scram-sha-256\n${readFileSync(rules, 'utf8')}`);
      await bus.pg.query(`CREATE ROLE reader LOGIN SUPERUSER PASSWORD 'secret@word'`);
      await bus.pg.query('SELECT pg_reload_conf()');
      bus.configure({}, cluster.postgres.replace(/\/\/[^@]*@/, '//reader:secret%40word@'));
      for (const sql of ['FROM duckdb_databases()', 'FROM duckdb_settings()', 'FROM pragma_database_list']) {
        const shown = await bus.done('query', sql, '--json');
        expect(shown.length).toBeGreaterThan(100);
        expect(shown).not.toMatch(/secret(@|%40)word/);
      }
      bus.configure({}, cluster.postgres.replace(/\/\/[^@]*@/, '//reader:wrong@'));
      const { code, stderr } = await bus.command('query', 'SELECT 1');
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('LAKE_UNREACHABLE') });
      expect(stderr).not.toContain('wrong');
    });

    test('a command that makes no sense on a cluster says so', async () => {
      const bus = await newCluster();
      const { code, stderr } = await bus.command('adopt', join(bus.folder, 'old.duckdb'));
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(/CLUSTER_UNSUPPORTED[\s\S]*quantbot-bus move/),
      });
    });

    test.skipIf(kind !== 'file')('verify finds what was changed, lost and doubled', async () => {
      const bus = await newCluster();
      for (const i of [0, 1, 2]) await bus.submit(`job-${i}`, i);
      await bus.done('start', '--drain');
      const [first = '', second = ''] = await bus.names('store/');
      appendFileSync(join(bus.folder, 'objects', first), 'x');
      rmSync(join(bus.folder, 'objects', second));
      await bus.pg.query('DELETE FROM bus.journal WHERE seq = 3');
      await bus.pg.query('DELETE FROM bus.jobs WHERE seq = 3');
      const verify = await bus.command('verify', '--json');
      expect(verify.code).toBe(2);
      expect(JSON.parse(verify.stdout).problems).toMatchObject([
        { code: 'JOURNAL_DAMAGED' },
        { code: 'CHANGED', what: first },
        { code: 'MISSING', what: second },
        { code: 'JOURNAL_DAMAGED', what: expect.stringContaining('journal/') },
        { code: 'TABLE_ROWS', what: 'ticks' },
      ]);
    });
  },
  ['campaign'],
);
