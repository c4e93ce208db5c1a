import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { submit } from '@quantbot/tooling-testing/submit';
import { describe, expect, test } from 'vitest';
import { serving, tokenFor } from '../support/http-producer.js';
import { hasPython, linkScripts, runPython, skippedWithoutPython } from '../support/python.js';

describe.skipIf(!hasPython)(`Python over HTTP${skippedWithoutPython}`, () => {
  test('the package and its script submit with the receipts and codes of a bus on this machine', async () => {
    const { bus, token, url } = await serving();
    const withToken = `import os\nos.environ["QUANTBOT_BUS_TOKEN"] = ${JSON.stringify(token)}\n`;
    linkScripts(bus);
    const [small, large] = [
      await produce(bus, numbers(3)),
      await produce(bus, numbers(1_500_000, ', hash(range) AS h')), // more than one part
    ];
    const program = `
from quantbot_bus import Artifact, BusError, JobRejectedError, submit_artifact, submit_artifacts
ids = dict(run_id="r1", producer="tests", kind="numbers", bus_root=${JSON.stringify(url)})
small, large = ${JSON.stringify([small, large])}
print(submit_artifact(artifact_id="a", parquet=small, **ids).settled(30).status)
print(submit_artifact(artifact_id="a", parquet=small, **ids).settled(30).status)
both = submit_artifacts([Artifact("b", small), Artifact("c", large)], **ids).settled(30)
print(both.status, [item.rows for item in both.artifacts])
try:
    submit_artifact(artifact_id="a", parquet=large, **ids).settled(30)
except JobRejectedError as error:
    print(error.code)
try:
    submit_artifact(artifact_id="a", parquet=small, **{**ids, "producer": "others"})
except BusError as error:
    print(error.code)
`;
    const { stdout, stderr } = await runPython(bus, ['-c', withToken + program]);
    expect(stderr).toBe('');
    expect(stdout.split('\n')).toEqual([
      'ingested',
      'duplicate',
      'ingested [3, 1500000]',
      'ARTIFACT_CONFLICT',
      'BUS_DENIED',
      '',
    ]);
    const ids = ['--run-id', 'r2', '--producer', 'tests', '--kind', 'numbers', '--artifact-id', 'numbers'];
    const args = ['bus_submit.py', ...ids, '--parquet', small, '--bus-root', url, '--wait', '--json'];
    const script = `import runpy, sys\nsys.argv = ${JSON.stringify(args)}\nrunpy.run_path("scripts/bus_submit.py", run_name="__main__")`;
    const { code, stdout: told } = await runPython(bus, ['-c', withToken + script]);
    expect([code, JSON.parse(told)]).toMatchObject([0, { status: 'ingested', bus_root: url }]);
  });

  test('operations have the outcomes of a bus on this machine', async () => {
    const { bus, url } = await serving();
    const operator = await tokenFor(bus, 'on-call', '--operate');
    const key = 'r1/tests/numbers/numbers';
    await (await submit(bus, { runId: 'r1' })).settled();
    const program = `
import os
from quantbot_bus import Bus, BusError, JobRejectedError
key = ${JSON.stringify(key)}
with Bus(${JSON.stringify(url)}) as bus:
    os.environ["QUANTBOT_BUS_TOKEN"] = ${JSON.stringify(operator)}
    print(bus.set_alias("tests", "numbers", "prod", key))
    print([outcome.status for outcome in bus.forget(key)])
    print([outcome.status for outcome in bus.forget(key, force=True)])
    try:
        bus.set_alias("tests", "numbers", "prod", "r9/tests/numbers/x")
    except JobRejectedError as error:
        print(error.code)
    os.environ["QUANTBOT_BUS_TOKEN"] = "other"
    try:
        bus.keep(key)
    except BusError as error:
        print(error.code)
`;
    const { stdout, stderr } = await runPython(bus, ['-c', program]);
    expect(stderr).toBe('');
    expect(stdout.split('\n')).toEqual(['2', "['protected']", "['forgotten']", 'OPERATION_INVALID', 'BUS_DENIED', '']);
  });
});
