// @module-tag campaign
import { execFileSync } from 'node:child_process';
import { readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { emptyCommit, seqName } from '@quantbot/bus-format/journal';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect, test } from 'vitest';
import { drain, quantbotBus } from '../support/daemon-process.js';
import { doctor } from '../support/doctor.js';

/** A bus with a file of a canonical table in `hot/`. No daemon runs. */
async function filledBus() {
  const bus = makeTestBus({ export: { enabled: false } });
  await drain(bus);
  await submit(bus, { schemaHint: 'canon.numbers' });
  await drain(bus);
  return bus;
}

test.each(['rebuild', 'start'])(
  'a FIFO in the place of a file of a table is named by verify, and replaced by %s',
  async cure => {
    const bus = await filledBus();
    const commit = readdirSync(bus.layout.hot).find(name => name !== emptyCommit) as string;
    const folder = join(bus.layout.hot, commit);
    const name = readdirSync(folder).find(file => file.startsWith('numbers~')) as string;
    rmSync(join(folder, name));
    execFileSync('mkfifo', [join(folder, name)]);
    const { code, stdout } = await quantbotBus(bus, 'verify');
    expect(stdout).toContain(`TABLE_DAMAGED`);
    expect(stdout).toContain(`journal/hot/${commit}/${name}: it is not a regular file`);
    expect(code).toBe(2);
    expect(await quantbotBus(bus, 'query', 'FROM canon.numbers')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`READ_FAILED: ${join(folder, name)} is not a regular file`),
    });
    if (cure === 'start') await drain(bus);
    else expect((await quantbotBus(bus, cure)).code).toBe(0);
    expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0 });
  },
);

test('a file in the place of a folder of the bus is named by every command, and by doctor with its cure', async () => {
  const bus = await filledBus();
  const places = [...(['canon', 'inbox', 'store', 'journal', 'published'] as const).map(name => bus.layout[name])];
  for (const place of [...places, join(bus.layout.hot, seqName(1))]) {
    renameSync(place, `${place}-aside`);
    writeFileSync(place, 'a file');
    for (const command of ['verify', 'start'])
      expect(await quantbotBus(bus, command), `${command}, ${place}`).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`NOT_A_FOLDER: ${place} is not a folder`),
      });
    expect((await doctor(bus)).report.findings).toContainEqual(
      expect.objectContaining({ code: 'FOLDER_MISSING', what: expect.stringContaining(`${place} is not a folder`) }),
    );
    rmSync(place);
    renameSync(`${place}-aside`, place);
  }
  expect(await quantbotBus(bus, 'verify')).toMatchObject({ code: 0 });
});
