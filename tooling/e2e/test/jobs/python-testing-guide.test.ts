import { join } from 'node:path';
import { readParquet } from '@quantbot/storage';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { describe, expect, test } from 'vitest';
import { asDaemon, spawnDaemon } from '../support/daemon-process.js';
import {
  drained,
  hasPython,
  linkScripts,
  running,
  runPython,
  skippedWithoutPython,
  startPython,
} from '../support/python.js';

describe.skipIf(!hasPython)(`the guide's Testing section${skippedWithoutPython}`, () => {
  test('python3 scripts/bus_daemon.py, then python3 scripts/test_bus.py', async () => {
    const bus = makeTestBus();
    linkScripts(bus);
    const child = startPython(bus, ['scripts/bus_daemon.py']);
    const daemon = asDaemon(child);
    await daemon.logged('bus daemon ready');
    for (const rows of [3, 6]) {
      const { code, stdout, stderr } = await runPython(bus, ['scripts/test_bus.py']);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toContain(`(${rows} rows)\nThe bus works.\n`);
    }
    const golden = await readParquet(join(bus.config.export.exportDir, 'bus_test.parquet'), {
      columns: ['id', 'name', 'value'],
      orderBy: ['_seq', 'id'],
    });
    expect(golden.slice(0, 3)).toEqual([
      { id: 1, name: 'one', value: 0.5 },
      { id: 2, name: 'two', value: 1.5 },
      { id: 3, name: 'three', value: -2.25 },
    ]);
    expect(await daemon.stop('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  test('test_bus.py says that no daemon runs, and leaves nothing in the inbox', async () => {
    const never = makeTestBus();
    linkScripts(never);
    const stopped = await drained();
    const killed = makeTestBus();
    linkScripts(killed);
    const daemon = await spawnDaemon(killed);
    await daemon.stop('SIGKILL');
    for (const bus of [never, stopped, killed]) {
      const { code, stdout } = await runPython(bus, ['scripts/test_bus.py']);
      expect([code, stdout]).toEqual([
        1,
        expect.stringMatching(/FAILED: no daemon runs .* python3 scripts\/bus_daemon\.py/s),
      ]);
    }
    const found = await runPython(stopped, ['-c', 'import os; print(os.listdir("data/bus/inbox"))']);
    expect(found.stdout).toBe('[]\n');
  });

  sampled('test_bus.py says why an export failed', async () => {
    const failing = await running({ export: { timeout_s: 0.001, min_interval_s: 0 } });
    const { code, stdout } = await runPython(failing, ['scripts/test_bus.py', '--timeout', '20']);
    expect([code, stdout]).toEqual([1, expect.stringContaining('FAILED: the export of canon.bus_test failed: ')]);
  });

  sampled('bus_daemon.py becomes the daemon: ps finds it, signals and the exit code are its own', async () => {
    const bus = makeTestBus();
    linkScripts(bus);
    const child = startPython(bus, ['scripts/bus_daemon.py']);
    const daemon = asDaemon(child);
    await daemon.logged('bus daemon ready');
    const ps = startPython(bus, ['-c', 'import os; os.system("ps aux | grep bus_daemon | grep -v grep")']);
    await ps.ended;
    expect(ps.stdout()).toMatch(new RegExp(`\\b${daemon.pid}\\b.*bus_daemon`));
    const second = await runPython(bus, ['scripts/bus_daemon.py', '--config', join(bus.folder, 'nowhere.json')]);
    expect(second.code).not.toBe(0);
    expect(second.stderr).toContain('CONFIG_NOT_FOUND');
    expect(await daemon.stop('SIGINT')).toEqual({ code: 0, signal: null });
    expect((await runPython(bus, ['scripts/bus_daemon.py', '--drain'])).code).toBe(0);
  });
});
