// @module-tag campaign
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openCatalog } from '@quantbot/storage';
import { startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { writeSelect } from '@quantbot/tooling-testing/parquet';
import { hasPython, pythonEnvironment, skippedWithoutPython } from '@quantbot/tooling-testing/python';
import { describe, expect, onTestFinished, test } from 'vitest';
import { describeBothWorlds, type World, worldToken } from './support/world.js';

const script = fileURLToPath(new URL('../../../scripts/bus_submit.py', import.meta.url));

/** Submits two artifacts, twice, and then files that are rejected. Prints each outcome. */
const producer = `
import json, sys
from quantbot_bus import Artifact, BusError, JobRejectedError, submit_artifact, submit_artifacts
root, good, bad = sys.argv[1:]
ids = dict(run_id="py-1", producer="python", kind="k", bus_root=root)
pair = [Artifact("a", good, schema_hint="canon.py"), Artifact("b", good, kind="other", meta={"n": 1})]
for _ in range(2):
    receipt = submit_artifacts(pair, inputs=["py-0/python/k/a"], **ids).settled(timeout_s=60)
    print(json.dumps([receipt.status, [[a.key, a.rows, a.status] for a in receipt.artifacts]]))
for run_id, path, hint in [("py-1", bad, None), ("py-2", bad, "canon.py")]:
    try:
        submit_artifact(**{**ids, "run_id": run_id}, artifact_id="a", parquet=path, schema_hint=hint).settled(timeout_s=60)
    except (BusError, JobRejectedError) as error:
        print(json.dumps([error.code, bool(error.hint)]))
`;

/** Sets an alias, keeps and forgets an artifact, and retries a rejected job. */
const operator = `
import sys
from quantbot_bus import Bus, BusError
root, key, rejected = sys.argv[1:]
bus = Bus(root)
bus.set_alias("operated", "k", "prod", key)
bus.keep(key)
found = [outcome.status for force in (False, True) for outcome in bus.forget(key, force=force)]
bus.retry(rejected)
try:
    bus.retry("none")
except BusError as error:
    found.append(error.code)
print(found)
`;

async function python(world: World, ...args: string[]) {
  const { ended, stdout, stderr } = startChild('python3', args, world.folder, {
    ...pythonEnvironment,
    QUANTBOT_BUS_TOKEN: worldToken,
  });
  return { ...(await ended), stdout: stdout(), stderr: stderr() };
}

describe.skipIf(!hasPython)(`Python${skippedWithoutPython}`, () => {
  describeBothWorlds(
    { http: { listen: '127.0.0.1:0', token_file: 'token' } },
    async () => {},
    world => {
      test('submits with the same calls, receipts, duplicates and rejections', async () => {
        const bus = world();
        const good = await writeSelect(join(bus.folder, 'produced'), 'SELECT range AS x FROM range(3)');
        const bad = await writeSelect(join(bus.folder, 'produced'), "SELECT 'text' AS x");
        const { code, stdout, stderr } = await python(bus, '-c', producer, bus.root, good, bad);
        expect(code, stderr).toBe(0);
        const outcome = (status: string) => [
          status,
          [
            ['py-1/python/k/a', 3, status],
            ['py-1/python/other/b', 3, status],
          ],
        ];
        const lines = stdout.trim().split('\n');
        expect(lines.map(line => JSON.parse(line))).toEqual([
          outcome('ingested'),
          outcome('duplicate'),
          ['ARTIFACT_CONFLICT', true],
          ['SCHEMA_MISMATCH', true],
        ]);
        const served = await python(bus, '-c', producer, bus.daemon.url ?? '', good, bad);
        expect(served.stdout, served.stderr).toBe([lines[1], ...lines.slice(1), ''].join('\n'));
        const catalog = await openCatalog({ config: bus.config });
        onTestFinished(() => catalog.close());
        expect(await catalog.query('SELECT x, _artifact_key FROM canon.py ORDER BY x')).toEqual(
          [0, 1, 2].map(x => ({ x, _artifact_key: 'py-1/python/k/a' })),
        );
        expect(await catalog.latest({ producer: 'python', kind: 'other' })).toMatchObject({ meta: { n: 1 } });
      });

      test('the script submits, waits, and prints the same receipt', async () => {
        const bus = world();
        const file = await writeSelect(join(bus.folder, 'produced'), 'SELECT 7 AS x');
        const ids = ['--run-id', 'py-3', '--producer', 'python', '--kind', 'k', '--artifact-id', 'a'];
        const args = [script, '--bus-root', bus.root, ...ids, '--parquet', file, '--wait', '--json'];
        const { code, stdout, stderr } = await python(bus, ...args);
        expect(code, stderr).toBe(0);
        expect(JSON.parse(stdout)).toMatchObject({ bus_root: bus.root, receipt: { status: 'ingested' } });
        const overHttp = args.map(arg => (arg === bus.root ? (bus.daemon.url ?? '') : arg));
        expect(await python(bus, ...overHttp)).toMatchObject({
          code: 0,
          stdout: expect.stringContaining('duplicate'),
        });
      });

      test('operates on the bus itself and over HTTP, with the same outcomes', async () => {
        const bus = world();
        const catalog = await openCatalog({ config: bus.config });
        onTestFinished(() => catalog.close());
        for (const [i, root] of [bus.root, bus.daemon.url ?? ''].entries()) {
          const ids = { runId: `op-${i}`, producer: 'operated', kind: 'k' };
          const key = `op-${i}/operated/k/a`;
          await (
            await bus.submit({ ...ids, artifactId: 'a', schemaHint: 'canon.operated', select: 'SELECT 1 AS x' })
          ).settled();
          const bad = await bus.submit({
            ...ids,
            artifactId: 'bad',
            jobId: `bad-${i}`,
            schemaHint: 'canon.operated',
            select: "SELECT 'text' AS x",
          });
          await expect(bad.settled()).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH' });
          const seq = async () => (await catalog.job(`bad-${i}`))?.seq ?? 0;
          const before = await eventually(seq, found => found > 0);
          const { code, stdout, stderr } = await python(bus, '-c', operator, root, key, `bad-${i}`);
          expect([code, stdout.trim()], stderr).toEqual([0, "['protected', 'forgotten', 'JOB_NOT_FOUND']"]);
          await eventually(seq, found => found > before);
          expect((await catalog.aliases()).map(alias => alias.key)).toContain(key);
        }
      });
    },
    ['campaign'],
  );
});
