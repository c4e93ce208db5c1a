import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openObjects } from '@quantbot/infra/objects';
import { openCatalog } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { hasPython } from '@quantbot/tooling-testing/python';
import { expect, test } from 'vitest';
import { describeClusters, type TestCluster } from './support/cluster.js';

/** Returns the content of the schema `bus`, and the rows that readers see. */
async function contentOf(bus: TestCluster): Promise<Record<string, unknown>> {
  const catalog = await openCatalog({ config: bus.config });
  try {
    return {
      head: await bus.pg.query('SELECT seq, bus_id FROM bus.head'),
      journal: await bus.pg.query('SELECT * FROM bus.journal ORDER BY seq, ordinal'),
      jobs: await bus.pg.query('SELECT * FROM bus.jobs ORDER BY seq'),
      schemas: await bus.pg.query('SELECT * FROM bus.schemas ORDER BY seq, ordinal'),
      ticks: await catalog.query('SELECT * FROM canon.ticks ORDER BY _seq, x'),
      artifacts: await catalog.query('SELECT * FROM catalog.artifacts_f ORDER BY seq, ordinal'),
      allJobs: await catalog.query('SELECT * FROM catalog.jobs_f ORDER BY seq'),
      aliases: await catalog.query('SELECT * FROM catalog.aliases_v'),
    };
  } finally {
    await catalog.close();
  }
}

/** The working folders of one kind that commands have in the temporary folder. */
const foldersOf = (kind: string): string[] =>
  readdirSync(tmpdir()).filter(name => name.startsWith(`quantbot-${kind}-`));

const codesOf = async (bus: TestCluster): Promise<string[]> => {
  const { findings } = JSON.parse((await bus.command('doctor', '--json')).stdout) as { findings: { code: string }[] };
  return findings.map(({ code }) => code).filter(code => !['OK', 'NO_DAEMON', 'JOBS_REJECTED'].includes(code));
};

describeClusters(
  'the journal in the object store',
  (newCluster, kind) => {
    test('gives back a database that is lost, and one that was set back', async () => {
      const bus = await newCluster({ canon: { auto_register: false } });
      for (const i of [0, 1]) await bus.submit(`job-${i}`, i);
      await bus.done('start', '--drain'); // both are rejected
      bus.configure();
      await bus.done('retry', 'job-0');
      await bus.submit('job-2', 2);
      await bus.done('start', '--drain');
      const alias = bus.run('alias', 'set', 'p/k@best', 'job-2/p/k/a');
      await eventually(
        () => bus.names('inbox/'),
        names => names.length === 1,
      );
      await eventually(alias.stderr, text => text.includes('Waiting until a daemon of the cluster executes the job'));
      await bus.done('start', '--drain');
      expect(await alias.ended, alias.stderr()).toEqual({ code: 0, signal: null });
      const before = await contentOf(bus);
      expect(before).toMatchObject({ head: [{ seq: 5 }], aliases: [{}], ticks: [{}, {}] });
      const waiting = await bus.submit('job-3', 3);
      expect(await codesOf(bus)).toEqual([]);

      await bus.pg.query('DROP SCHEMA bus CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public');
      await bus.killedAt('restore:appended', 'rebuild', '--from-objects');
      const left = foldersOf('restore');
      expect(left).not.toEqual([]);
      expect(await bus.pg.query('SELECT seq FROM bus.head')).toEqual([{ seq: 2 }]);
      expect(await bus.done('rebuild', '--from-objects')).toContain('up to seq 5');
      expect(foldersOf('restore').filter(name => left.includes(name))).toEqual([]);
      expect(await contentOf(bus)).toEqual(before);
      const again = await bus.command('rebuild', '--from-objects');
      expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('DATABASE_NOT_LOST') });

      await bus.pg.query(
        `DELETE FROM bus.journal WHERE seq > 2; DELETE FROM bus.jobs WHERE seq > 2; DELETE FROM bus.schemas WHERE seq > 2;
       DELETE FROM bus.fragments WHERE last_seq > 2; UPDATE bus.head SET seq = 2`,
      );
      expect(await codesOf(bus)).toContain('DATABASE_BEHIND');
      const refused = await bus.command('start', '--drain');
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('CLUSTER_BEHIND') });
      if (hasPython) {
        const shown = await bus.onTerminal('rebuild', '--from-objects');
        expect(shown).toMatch(/100% {2}5 of 5 jobs .* database/);
        expect(shown).toMatch(/100% {2}5 of 5 jobs .* lake/);
      } else await bus.done('rebuild', '--from-objects');
      expect(await contentOf(bus)).toEqual(before);

      await bus.done('start', '--drain');
      expect(await waiting.settled()).toMatchObject({ job_id: 'job-3', seq: 6 });
      expect(await bus.done('verify')).toContain('every file matches the journal');
      await bus.pg.query(
        `UPDATE bus.jobs SET claim = 'other' WHERE seq = 6; UPDATE bus.journal SET claim = 'other' WHERE seq = 6`,
      );
      expect(await bus.command('rebuild', '--from-objects')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('JOURNALS_DIFFER'),
      });
    });

    test('an inbox entry stays until the bucket has its job', async () => {
      const bus = await newCluster();
      await bus.submit('job-0', 0);
      await bus.killedAt('archive:written', 'start', '--drain');
      expect(await bus.names('journal/')).toEqual(['journal/000000000001-000000000001.parquet']);
      expect(await bus.names('inbox/')).toHaveLength(1);
      const objects = await openObjects(bus.objects);
      await objects.remove(await bus.names('journal/'));
      await bus.pg.query(`UPDATE bus.journal SET committed_at = committed_at - interval '1 hour'`);
      expect(await codesOf(bus)).toContain('JOURNAL_OBJECTS_BEHIND');
      await bus.done('start', '--drain');
      expect({ inbox: await bus.names('inbox/'), receipts: await bus.names('receipts/') }).toEqual({
        inbox: [],
        receipts: ['receipts/job-0.json'],
      });
      expect(await codesOf(bus)).toEqual([]);
      const status = JSON.parse(await bus.done('status', '--json'));
      expect(status).toMatchObject({ lastSeq: 1, archivedSeq: 1 });
    });

    test.skipIf(kind !== 'file')('readers do not wait for the bucket, and receipts do', async () => {
      const bus = await newCluster();
      const daemon = bus.start();
      await (await bus.submit('job-0', 0)).settled();
      const journal = join(bus.folder, 'objects/journal');
      rmSync(journal, { recursive: true });
      writeFileSync(journal, 'in the way');
      const submission = await bus.submit('job-1', 1);
      const shown = async () => Number((await bus.rows('SELECT count(*) AS n FROM catalog.artifacts_f'))[0]?.n);
      await eventually(shown, n => n === 2);
      await eventually(
        () => daemon.stderr() + daemon.stdout(),
        text => text.includes('journal'),
      );
      expect({ inbox: await bus.names('inbox/'), receipts: await bus.names('receipts/') }).toMatchObject({
        inbox: { length: 1 },
        receipts: { length: 1 },
      });
      rmSync(journal);
      expect(await submission.settled()).toMatchObject({ seq: 2 });
      daemon.process.kill('SIGTERM');
      expect(await daemon.ended, daemon.stderr()).toEqual({ code: 0, signal: null });
      expect(await bus.names('journal/')).toEqual(['journal/000000000001-000000000002.parquet']);
    });

    test.skipIf(kind !== 'file')('a shared folder that is not mounted is not taken for an empty bus', async () => {
      const bus = await newCluster();
      const daemon = bus.start();
      const first = await bus.submit('job-0', 0);
      await first.settled();
      const [folder, aside] = [join(bus.folder, 'objects'), join(bus.folder, 'aside')];
      renameSync(folder, aside);
      mkdirSync(folder);
      await eventually(
        () => daemon.stderr() + daemon.stdout(),
        text => text.includes('BUS_ROOT_NOT_FOUND'),
      );
      expect(readdirSync(folder)).toEqual([]);
      const refused = await bus.command('start', '--drain');
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('BUS_ROOT_NOT_FOUND') });
      rmSync(folder, { recursive: true });
      renameSync(aside, folder);
      const second = await bus.submit('job-1', 1);
      expect(await second.settled()).toMatchObject({ seq: 2 });
      daemon.process.kill('SIGTERM');
      expect(await daemon.ended, daemon.stderr()).toEqual({ code: 0, signal: null });
      await bus.pg.query(`INSERT INTO bus.members (daemon, host, pid, version, last_seen) VALUES
      ('silent', 'h', 1, '1', now() - interval '10 s'), ('killed', 'h', 2, '1', now() - interval '1 h')`);
      expect(await bus.done('status')).toMatch(/silent .*it seems to be gone/);
      await bus.done('start', '--drain');
      const daemons = JSON.parse(await bus.done('status', '--json')).daemons as { daemon: string }[];
      expect(daemons.map(({ daemon: name }) => name)).toEqual(['silent']);
    });
  },
  ['campaign'],
);
