// @module-tag campaign
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { closedFolders, guardsOf } from '@quantbot/bus-format/state';
import { submitArtifact } from '@quantbot/infra/utils';
import { sampleOf } from '@quantbot/tooling-config/campaign';
import { type Child, startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { writeRawJob } from '@quantbot/tooling-testing/raw-job';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { asDaemon, type DaemonProcess } from '../support/daemon-process.js';
import { query } from '../support/query.js';
import { copyBuilt, reachableCli, reachableRepository, removeCopy } from '../support/reachable.js';

afterAll(removeCopy);

test('a copy of what was built runs, for a checkout that other users cannot enter', () => {
  const copy = copyBuilt();
  onTestFinished(() => rmSync(copy, { recursive: true }));
  const cli = join(copy, 'packages/bus-daemon/dist/cli.js');
  expect(execFileSync(process.execPath, [cli, 'start', '--help'], { encoding: 'utf8' })).toContain('--drain');
});

const canBeOthers = process.getuid?.() === 0 && spawnSync('setpriv', ['--version']).status === 0;
const [daemonUser, producerUser, readerUser, group] = [41_001, 41_002, 41_003, 41_000];

/** Starts a program as another user of the group, with a umask. */
function startAs(
  bus: TestBus,
  user: number,
  umask: string,
  command: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Child {
  const words = command.map(word => `'${word}'`).join(' ');
  const as = [
    '--reuid',
    `${user}`,
    '--regid',
    `${group}`,
    '--clear-groups',
    'sh',
    '-c',
    `umask ${umask}; exec ${words}`,
  ];
  return startChild('setpriv', as, bus.folder, { HOME: '/nonexistent', ...env });
}

/**
 * A bus in a folder of the daemon's user, which its group may write to until the daemon has
 * started.
 */
function sharedBus(): TestBus {
  const bus = makeTestBus();
  chmodSync(bus.folder, 0o755);
  const data = join(bus.folder, 'data');
  mkdirSync(data);
  chownSync(data, daemonUser, group);
  chmodSync(data, 0o2775);
  return bus;
}

/** Starts a daemon as a user of its own, and waits until it is ready. */
async function startAsItsUser(bus: TestBus): Promise<DaemonProcess> {
  const daemon = asDaemon(
    startAs(bus, daemonUser, '0002', [process.execPath, reachableCli(), 'start', '--config', bus.configPath]),
  );
  await daemon.logged('bus daemon ready');
  return daemon;
}

test.skipIf(!canBeOthers).each(sampleOf(['0002', '0022', '0077'], 1))(
  'producers of other users submit whatever their umask is (%s), and cannot change what is stored; readers of the group read',
  async umask => {
    const bus = sharedBus();
    const daemon = await startAsItsUser(bus);
    const parquetPath = await produce(bus, numbers(3));
    chmodSync(join(bus.folder, 'produced'), 0o755);
    const script = join(bus.folder, 'submit.mjs');
    const utils = join(reachableRepository(), 'packages/infra/dist/utils/index.js');
    const options = {
      producer: 'p',
      kind: 'k',
      artifactId: 'a',
      runId: 'typescript',
      parquetPath,
      busRoot: bus.layout.root,
    };
    writeFileSync(
      script,
      `import { submitArtifact } from '${utils}';
       console.log((await (await submitArtifact(${JSON.stringify(options)})).settled()).status);`,
    );
    const ofPython = [
      '--run-id',
      'python',
      '--producer',
      'p',
      '--kind',
      'k',
      '--artifact-id',
      'a',
      '--parquet',
      parquetPath,
      '--wait',
    ];
    for (const command of [
      [process.execPath, script],
      ['python3', join(reachableRepository(), 'scripts/bus_submit.py'), ...ofPython],
    ]) {
      const producer = startAs(bus, producerUser, umask, command, { QUANTBOT_BUS_CONFIG: bus.configPath });
      await producer.ended;
      expect(producer.stdout(), producer.stderr()).toContain('ingested');
    }
    const mayOthersWrite = (path: string) => (statSync(path).mode & 0o022) !== 0;
    expect([bus.layout.inbox, bus.layout.staging].every(mayOthersWrite)).toBe(true);
    const closed = closedFolders(bus.config).concat(join(bus.layout.store, 'p/k'), guardsOf(bus.config));
    expect(closed.filter(mayOthersWrite)).toEqual([]);
    for (const run of ['typescript', 'python']) {
      const stored = statSync(join(bus.layout.store, `p/k/${run}@a.parquet`));
      expect([stored.uid, stored.mode & 0o777]).toEqual([daemonUser, 0o444]);
    }
    const sql = [
      'query',
      'SELECT count(*) AS n FROM catalog.artifacts_f',
      '--format',
      'csv',
      '--config',
      bus.configPath,
    ];
    const reader = startAs(bus, readerUser, umask, [process.execPath, reachableCli(), ...sql]);
    await reader.ended;
    expect(reader.stdout(), reader.stderr()).toBe('n\n2\n');
    expect(await query(bus, 'SELECT DISTINCT status FROM catalog.jobs_f')).toEqual([{ status: 'ingested' }]);
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  },
);

test.skipIf(!canBeOthers)(
  'a producer cannot rename the waiting job of another, and reaches nothing in one of the daemon’s user',
  async () => {
    const bus = sharedBus();
    await (await startAsItsUser(bus)).stop();
    const { inbox, staging } = bus.layout;
    const refused = async (...command: string[]) => {
      const tried = startAs(bus, readerUser, '0002', command);
      expect((await tried.ended).code).toBe(1);
      expect(tried.stderr()).toContain('not permitted');
    };
    for (const user of [producerUser, daemonUser]) {
      const job = join(inbox, `of-${user}`);
      renameSync(writeRawJob(join(bus.folder, `of-${user}`), { jobId: `of-${user}` }), job);
      execFileSync('chown', ['-R', `${user}:${group}`, job]);
      chmodSync(job, user === daemonUser ? 0o755 : 0o2775);
      for (const place of [inbox, staging]) await refused('mv', job, join(place, 'taken'));
    }
    const removal = startAs(bus, readerUser, '0002', ['rm', '-r', join(inbox, `of-${daemonUser}`)]);
    expect((await removal.ended).code).toBe(1);
    expect(readdirSync(join(inbox, `of-${daemonUser}`))).toEqual(expect.arrayContaining(['COMMIT', 'manifest.json']));
    const daemon = await startAsItsUser(bus);
    await eventually(
      () => readdirSync(inbox),
      names => names.length === 0,
    );
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
  },
);

test.skipIf(!canBeOthers)('only the user of the daemon has artifacts forgotten', async () => {
  const bus = sharedBus();
  const daemon = await startAsItsUser(bus);
  const parquetPath = await produce(bus, numbers(3));
  const artifact = { runId: 'r', producer: 'p', kind: 'k', artifactId: 'a', parquetPath };
  await (await submitArtifact({ ...artifact, busRoot: bus.layout.root })).settled();
  const script = join(bus.folder, 'forget.mjs');
  const utils = join(reachableRepository(), 'packages/infra/dist/utils/index.js');
  writeFileSync(
    script,
    `import { forgetArtifacts, keepArtifacts } from '${utils}';
     const bus = { busRoot: ${JSON.stringify(bus.layout.root)} };
     const keys = ['r/p/k/a'];
     await keepArtifacts({ keys }, bus);
     const asked = [() => keepArtifacts({ keys, keep: false }, bus), () => forgetArtifacts({ keys, force: true, rows: 'drop' }, bus)];
     for (const ask of asked) console.log(await ask().then(() => 'done', error => error.code));`,
  );
  const run = async (user: number) => {
    const program = startAs(bus, user, '0002', [process.execPath, script]);
    await program.ended;
    return program.stdout() + program.stderr();
  };
  expect(await run(producerUser)).toBe('OPERATION_FORBIDDEN\nOPERATION_FORBIDDEN\n');
  expect(await query(bus, 'SELECT forgotten_at FROM catalog.artifacts_f')).toEqual([{ forgotten_at: null }]);
  expect(await run(daemonUser)).toBe('done\ndone\n');
  expect(await query(bus, 'SELECT count(forgotten_at) AS n FROM catalog.artifacts_f')).toEqual([{ n: 1 }]);
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
});

test.skipIf(!canBeOthers)('jobs of other users that may not be moved, listed or emptied hold up nobody', async () => {
  const bus = sharedBus();
  const daemon = await startAsItsUser(bus);
  const parquetPath = await produce(bus, numbers(3));
  const place = (jobId: string, mode: number, { manifest }: { manifest?: string } = {}) => {
    const job = { jobId, files: { 'a.parquet': parquetPath }, ...(manifest !== undefined && { manifest }) };
    const building = writeRawJob(join(bus.folder, jobId), job);
    execFileSync('chown', ['-R', `${producerUser}:${group}`, building]);
    chmodSync(building, mode);
    renameSync(building, join(bus.layout.inbox, jobId));
  };
  const settledIn = (folder: string, file: string) => eventually(() => existsSync(join(folder, file)), Boolean);
  place('closed', 0o755);
  await daemon.logged('a job cannot be moved out of the inbox');
  place('blind', 0o333);
  await settledIn(join(bus.layout.processed, 'blind'), 'RECEIPT.json');
  place('blind-and-bad', 0o333, { manifest: '{' });
  await settledIn(join(bus.layout.rejected, 'blind-and-bad'), 'REJECT_REASON.json');
  place('sticky', 0o1777);
  await settledIn(join(bus.layout.processed, 'sticky'), 'RECEIPT.json');
  place('good', 0o775);
  await settledIn(join(bus.layout.processed, 'good'), 'RECEIPT.json');
  expect(readdirSync(bus.layout.inbox)).toEqual(['closed']);
  // What is left of the folder of another user goes after the receipt.
  const claimed = await eventually(
    () => readdirSync(bus.layout.claimed),
    names => names.length === 1,
  );
  expect(claimed.map(name => name.replace(/-[0-9a-f]{16}~/, ' '))).toEqual(['.left sticky']);
  expect(readdirSync(join(bus.layout.rejected, 'blind-and-bad')).sort()).toEqual(['REJECT_REASON.json', 'job']);
  expect(statSync(join(bus.layout.store, 'raw/raw/sticky@a.parquet')).uid).toBe(daemonUser);
  expect(daemon.stderr().match(/a job cannot be moved out of the inbox/g)).toHaveLength(1);
  expect(daemon.stderr()).not.toContain('paused');
  // Its producer can still close a rejected job, and stops neither `retry` nor `gc` by that.
  chmodSync(join(bus.layout.rejected, 'blind-and-bad/job'), 0o700);
  const asOperator = async (...args: string[]) => {
    const child = startAs(bus, daemonUser, '0022', [process.execPath, reachableCli(), ...args]);
    const { code } = await child.ended;
    return { code, said: child.stderr() };
  };
  const refused = { code: 1, said: expect.stringMatching(/^CLOSED_BY_OTHERS: .*sudo rm -r \/.*\/job`/s) };
  expect(await asOperator('retry', '--all', '--config', bus.configPath)).toEqual(refused);
  expect(existsSync(join(bus.layout.rejected, 'blind-and-bad/REJECT_REASON.json'))).toBe(true);
  const cleaned = await asOperator('gc', '--keep', '0s', '--apply', '--config', bus.configPath);
  expect(cleaned).toEqual({ code: 1, said: expect.stringMatching(/^CLOSED_BY_OTHERS: .*sudo rm -r \/.*\/\.gc-/s) });
  expect(readdirSync(bus.layout.processed)).toEqual([]);
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
});
