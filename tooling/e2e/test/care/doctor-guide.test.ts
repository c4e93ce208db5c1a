import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { writeToInbox } from '@quantbot/tooling-testing/raw-job';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { afterAll, describe, expect, test } from 'vitest';
import { asDaemon, drain, launchDaemon, spawnDaemon } from '../support/daemon-process.js';
import { commandsIn, doctor, follow, followAll } from '../support/doctor.js';
import { reachableCli, removeCopy } from '../support/reachable.js';

afterAll(removeCopy);

const fileOf = (bus: TestBus, name: string) => join(bus.config.export.exportDir, name);
const appears = (path: string) =>
  eventually(
    () => existsSync(path),
    there => there,
  );

// The headings and the sentences of advice are those of the migration guide's section on
// troubleshooting.
describe('Daemon not processing jobs', () => {
  test('Verify daemon is running: a killed one is missed, and the job goes through when the cure is followed', async () => {
    const bus = makeTestBus();
    await (await spawnDaemon(bus)).stop('SIGKILL');
    const submission = await submit(bus);
    const { code, the } = await doctor(bus);
    expect(code).toBe(2);
    expect(the('JOBS_WITHOUT_DAEMON').what).toContain('1 job waits');
    const daemon = await followAll(bus, the('JOBS_WITHOUT_DAEMON').cure);
    expect(execFileSync('ps', ['aux'], { encoding: 'utf8' })).toMatch(new RegExp(`\\b${daemon.pid}\\b.* bus_daemon`));
    expect((await submission.settled()).status).toBe('ingested');
    expect((await doctor(bus)).codes).toEqual([]);
  });

  test('Check data/bus/rejected/ for error messages: doctor has them, with the command that shows the rest', async () => {
    const bus = makeTestBus();
    await spawnDaemon(bus);
    writeToInbox(bus, { jobId: 'broken', files: { 'a.parquet': { content: 'PAR1' } } });
    await appears(join(bus.layout.rejected, 'broken/REJECT_REASON.json'));
    const { code, codes, the } = await doctor(bus);
    expect({ code, codes }).toEqual({ code: 0, codes: ['JOBS_REJECTED'] });
    const { error } = JSON.parse(readFileSync(join(bus.layout.rejected, 'broken/REJECT_REASON.json'), 'utf8'));
    expect(the('JOBS_REJECTED').what).toContain(error);
    await follow(bus, commandsIn(the('JOBS_REJECTED').cure)[0]);
  });
});

describe('Exports not updating', () => {
  sampled(
    'Verify canon.alerts_std exists: an export that reads it says that it does not, and is made when it does',
    async () => {
      const jobs = [{ name: 'alerts_daily', sql: 'SELECT count(*) AS n FROM canon.alerts_std' }];
      const bus = makeTestBus({ export: { jobs, min_interval_s: 0, max_share: 1 } });
      await spawnDaemon(bus);
      await eventually(
        async () => (await doctor(bus)).codes,
        codes => codes.join() === 'TABLE_MISSING,EXPORT_FAILED',
      );
      const { the } = await doctor(bus);
      expect(the('TABLE_MISSING').what).toContain('canon.alerts_std');
      expect(the('EXPORT_FAILED').what).toContain('alerts_std'); // what _export_status.json says
      await (await submit(bus, { schemaHint: 'canon.alerts_std' })).settled();
      await follow(bus, commandsIn(the('EXPORT_FAILED').cure).at(-1));
      expect(existsSync(fileOf(bus, 'alerts_daily.parquet'))).toBe(true);
      expect((await doctor(bus)).codes).toEqual([]);
    },
  );

  sampled(
    'Ensure daemon has write access to export directory: exports go on when the cure is followed',
    async context => {
      if (process.getuid?.() !== 0) return context.skip('only root can be another user');
      const bus = makeTestBus();
      await drain(bus);
      execFileSync('chown', ['-R', '65534:65534', bus.folder]);
      const asNobody = (...args: string[]) =>
        startChild(
          'setpriv',
          [
            '--reuid',
            '65534',
            '--regid',
            '65534',
            '--clear-groups',
            process.execPath,
            reachableCli(),
            ...args,
            '--config',
            bus.configPath,
          ],
          bus.folder,
        );
      const daemon = asDaemon(asNobody('start'));
      await daemon.logged('bus daemon ready');
      chmodSync(bus.config.export.exportDir, 0o555);
      execFileSync('chown', ['0', bus.config.export.exportDir]);
      const producer = await submit(bus, { schemaHint: 'canon.alerts_std' });
      execFileSync('chown', ['-R', '65534', bus.layout.inbox]);
      await daemon.logged('export failed');
      await producer.settled();
      const examination = asNobody('doctor', '--json');
      expect(await examination.ended).toMatchObject({ code: 2 });
      const { findings } = JSON.parse(examination.stdout()) as { findings: { code: string; cure: string }[] };
      const { cure } = findings.find(({ code }) => code === 'NOT_WRITABLE') ?? { cure: '' };
      expect(cure).toContain(bus.config.export.exportDir);
      for (const command of commandsIn(cure)) await follow(bus, command);
      expect(statSync(bus.config.export.exportDir).uid).toBe(65534);
      await appears(fileOf(bus, 'alerts_std.parquet'));
      const after = asNobody('doctor', '--json');
      expect(await after.ended).toMatchObject({ code: 0 });
      expect(JSON.parse(after.stdout())).toMatchObject({ problems: 0, warnings: 0 });
      expect(await daemon.stop()).toMatchObject({ code: 0 });
    },
  );
});

describe('Lock timeouts', () => {
  test('Ensure only one daemon instance is running: the one that waits is named, and the first works on', async () => {
    const bus = makeTestBus({ lock_timeout_s: 30 });
    const first = await spawnDaemon(bus);
    const second = launchDaemon(bus);
    await second.logged('bus daemon starting');
    const { the, report } = await doctor(bus);
    expect(report.findings.find(({ check }) => check === 'writer')?.what).toContain(
      `Process ${second.pid} (bus_daemon`,
    );
    expect(the('SECOND_DAEMON').cure).toContain('lock_timeout_s');
    await follow(bus, commandsIn(the('SECOND_DAEMON').cure)[0]);
    await second.ended;
    expect((await (await submit(bus)).settled()).status).toBe('ingested');
    expect((await doctor(bus)).codes).toEqual([]);
    expect(await first.stop()).toMatchObject({ code: 0 });
  });

  test('Check for stale lock files: one that a kill left behind needs nothing, and no daemon waits for it', async () => {
    const bus = makeTestBus({ lock_timeout_s: 0 });
    await (await spawnDaemon(bus)).stop('SIGKILL');
    expect(existsSync(`${bus.config.duckdbPath}.writer.lock`)).toBe(true);
    await followAll(bus, (await doctor(bus)).the('STALE_LOCK_FILE').cure);
    expect((await doctor(bus)).codes).toEqual([]);
  });
});
