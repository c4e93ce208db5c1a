import { appendFileSync, chmodSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { backup } from '@quantbot/bus-care/backup';
import { keptName } from '@quantbot/bus-format/canon';
import { forgetArtifacts } from '@quantbot/infra/utils';
import { flipBit } from '@quantbot/tooling-testing/rot';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { submit } from '@quantbot/tooling-testing/submit';
import { makeTestBus } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { drain } from '../support/daemon-process.js';

sampled(
  'a copy that has rotted is replaced when it is due, and at once when its size or time is not that of the bus',
  async () => {
    const bus = makeTestBus();
    await drain(bus);
    for (let job = 0; job < 3; job++) await submit(bus);
    await drain(bus);
    const to = join(bus.folder, 'backup');
    expect(await backup(bus.config, to)).toMatchObject({ artifacts: 3, copied: 3, problems: [] });
    const stored = readdirSync(bus.layout.store, { recursive: true, encoding: 'utf8' });
    const path = stored.find(name => name.endsWith('.parquet')) as string;
    const [own, copy] = [join(bus.layout.store, path), join(to, 'store', path)];
    flipBit(copy);
    expect(await backup(bus.config, to)).toMatchObject({ copied: 0, problems: [] });
    expect(readFileSync(copy)).not.toEqual(readFileSync(own));
    const never = { ...bus.config, scrub: { ...bus.config.scrub, intervalMs: undefined } };
    expect(await backup(never, to)).toMatchObject({ copied: 1, problems: [] });
    expect(readFileSync(copy)).toEqual(readFileSync(own));
    expect(statSync(copy).mtimeMs).toBeCloseTo(statSync(own).mtimeMs, 0);
    chmodSync(copy, 0o644);
    appendFileSync(copy, 'x');
    expect(await backup(bus.config, to)).toMatchObject({ copied: 1, problems: [] });
    flipBit(own); // a damaged file of the bus replaces no good copy
    expect(await backup(never, to)).toMatchObject({ copied: 0, problems: [] });
    expect(readFileSync(copy)).not.toEqual(readFileSync(own));
  },
);

sampled('rows of forgotten artifacts are copied from no damaged file', async () => {
  const bus = makeTestBus();
  await drain(bus);
  const put = async (runId: string) =>
    submit(bus, { runId, kind: 'people', artifactId: 'a', schemaHint: 'canon.people', select: 'SELECT 1 AS id' });
  for (const run of ['r1', 'r2']) await put(run);
  await drain(bus);
  const forgotten = forgetArtifacts({ keys: ['r1/tests/people/a'] }, { busRoot: bus.layout.root });
  await drain(bus);
  expect(await forgotten).toMatchObject([{ status: 'forgotten' }]);
  const to = join(bus.folder, 'backup');
  expect(await backup(bus.config, to)).toMatchObject({ problems: [] });
  const folder = join(bus.layout.canon, 'people');
  const name = readdirSync(folder).find(file => file.endsWith('.parquet')) as string;
  const good = readFileSync(join(folder, name));
  const copy = join(to, 'canon/people', keptName, name);
  expect(readFileSync(copy)).toEqual(good);

  flipBit(join(folder, name));
  expect(await backup(bus.config, to)).toMatchObject({ problems: [] }); // the earlier backup has it
  expect(readFileSync(copy)).toEqual(good);
  expect(await backup(bus.config, join(bus.folder, 'another'))).toMatchObject({
    problems: [expect.stringMatching(`^canon/people/${name} is damaged`)],
  });
});
