// @module-tag campaign
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeBothWorlds, type World } from './support/world.js';

const ticks = { schemaHint: 'canon.ticks' };

/** Two artifacts in a table, and a rejected job. */
async function furnish(world: World): Promise<void> {
  await (await world.submit({ jobId: 'one', select: 'SELECT range AS x FROM range(3)', ...ticks })).settled();
  await (await world.submit({ jobId: 'two', runId: 'run-2', select: 'SELECT 3 AS x', ...ticks })).settled();
  const bad = await world.submit({ jobId: 'bad', runId: 'run-3', select: "SELECT 'text' AS x", ...ticks });
  await bad.settled().catch(() => {});
}

describeBothWorlds(
  {},
  furnish,
  world => {
    const json = async (...args: string[]) => JSON.parse(await world().done(...args, '--json'));
    const rows = async () => JSON.parse(await world().done('query', 'SELECT x FROM canon.ticks ORDER BY x', '--json'));

    const dismissed = async () =>
      (await json('rejected', '--dismissed')).map((entry: { jobId: string; dismissed: { dismissNote: string } }) => [
        entry.jobId,
        entry.dismissed.dismissNote,
      ]);

    test('the status counts the artifacts', async () => {
      expect(await json('status')).toMatchObject({ artifacts: 2 });
    });

    test('doctor finds no problem', async () => {
      const { findings } = JSON.parse((await world().command('doctor', '--json')).stdout);
      expect(findings.length).toBeGreaterThan(3);
      expect(findings.filter(({ level }: { level: string }) => level === 'problem')).toEqual([]);
    });

    test('verify, deep verify and scrub read every file, and find nothing', async () => {
      for (const args of [[], ['--deep']]) expect(await json('verify', ...args)).toMatchObject({ problems: [] });
      expect(await json('scrub')).toMatchObject({ findings: [] });
    });

    test('gc finds nothing that it may remove', async () => {
      expect((await json('gc')).items).toEqual([]);
    });

    test('backup has each artifact, or says how to have them', async () => {
      const isCluster = world().kind === 'a cluster';
      const report = await json('backup', ...(isCluster ? [] : [join(world().folder, 'backup')]));
      expect(report).toMatchObject(isCluster ? { artifacts: 2, missing: [] } : { problems: [] });
    });

    test('a dismissed job is neither listed nor counted as rejected, and a note says why', async () => {
      const unknown = await world().command('dismiss', 'nobody', '--note', 'x');
      expect(unknown.stderr).toContain('There is no rejected job nobody.');
      await world().done('dismiss', '--code', 'SCHEMA_MISMATCH', '--note', 'a wrong column');
      expect(await json('rejected')).toEqual([]);
      expect(await dismissed()).toEqual([['bad', 'a wrong column']]);
      expect((await json('status')).jobs).toMatchObject({ ingested: 3, rejected: 0, dismissed: 1 });
      const { findings } = JSON.parse((await world().command('doctor', '--json')).stdout);
      expect(findings.map(({ code }: { code: string }) => code)).not.toContain('JOBS_REJECTED');
    });

    test('a rebuild gives the same rows', async () => {
      const before = await rows();
      expect(before).toHaveLength(4);
      await world().daemon.stop();
      await world().done('rebuild');
      await world().restart();
      expect(await rows()).toEqual(before);
      expect(await dismissed()).toEqual([['bad', 'a wrong column']]);
      expect(await json('verify', '--deep')).toMatchObject({ problems: [] });
    });
  },
  ['campaign'],
);
