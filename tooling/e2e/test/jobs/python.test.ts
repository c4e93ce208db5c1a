import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { submitArtifact } from '@quantbot/infra/utils';
import { readParquet } from '@quantbot/storage';
import { eventually } from '@quantbot/tooling-testing/eventually';
import { numbers, produce } from '@quantbot/tooling-testing/parquet';
import { sampled } from '@quantbot/tooling-testing/sampled';
import { makeTestBus, type TestBus } from '@quantbot/tooling-testing/test-bus';
import { describe, expect, test } from 'vitest';
import { drain } from '../support/daemon-process.js';
import { drained, guideSnippet, hasPython, running, runPython, skippedWithoutPython } from '../support/python.js';
import { query } from '../support/query.js';
import { repository } from '../support/scripts.js';

const sameJob = { runId: 'run-1', producer: 'baseline', kind: 'numbers', artifactId: 'numbers' };
const ids = ['--run-id', 'run-1', '--producer', 'baseline', '--kind', 'numbers', '--artifact-id', 'numbers'];
const submitScript = (bus: TestBus, parquet: string, ...more: string[]) =>
  runPython(bus, ['scripts/bus_submit.py', ...ids, '--parquet', parquet, ...more]);
const readJson = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8'));

describe.skipIf(!hasPython)(`Python producers${skippedWithoutPython}`, () => {
  test("the guide's snippet brings rows into the canonical table, the catalog and the golden export", async () => {
    const bus = await running();
    const program = `
import json, shutil
shutil.copy(${JSON.stringify(await produce(bus, numbers(4, ", 'SOL' AS token")))}, "output.parquet")
job_id, run_id, row_count, meta = "job-7", "run-7", 4, {"interval": "1m", "note": "ü"}
${guideSnippet}`;
    expect(await runPython(bus, ['-c', program])).toMatchObject({ code: 0, stderr: '' });
    const receipt = await eventually(
      () => query(bus, `SELECT * FROM catalog.latest_artifacts_v WHERE producer = 'baseline' AND kind = 'alerts_std'`),
      rows => rows.length === 1,
    );
    expect(receipt[0]).toMatchObject({ run_id: 'run-7', job_id: 'job-7', rows: 4, schema_hint: 'canon.alerts_std' });
    expect(JSON.parse(receipt[0]?.meta_json as string)).toEqual({ interval: '1m', note: 'ü' });
    const golden = await eventually(
      () => readParquet(join(bus.config.export.exportDir, 'alerts_std.parquet'), { orderBy: 'n' }).catch(() => []),
      rows => rows.length === 4,
    );
    expect(golden[3]).toMatchObject({ n: 3, token: 'SOL' });
  });

  test('--wait says what became of the job by its exit code', async () => {
    const bus = await running();
    const [small, other] = [await produce(bus, numbers(3)), await produce(bus, numbers(4))];
    const ingested = await submitScript(bus, small, '--wait', '--json');
    expect(ingested.code, ingested.stderr).toBe(0);
    expect(JSON.parse(ingested.stdout)).toMatchObject({ status: 'ingested', receipt: { seq: 1 } });
    const duplicate = await submitScript(bus, small, '--wait', '30', '--json');
    expect([duplicate.code, JSON.parse(duplicate.stdout).status]).toEqual([0, 'duplicate']);
    const rejected = await submitScript(bus, other, '--wait', '30');
    expect(rejected).toMatchObject({ code: 3, stderr: expect.stringContaining('ARTIFACT_CONFLICT: ') });
    expect(rejected.stderr).toContain('The bus is write-once');
    const json = await submitScript(bus, other, '--wait', '30', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ status: 'rejected', code: 'ARTIFACT_CONFLICT' });
  });

  test('lineage, several artifacts and a retry are those of the TypeScript side', async () => {
    const bus = await running();
    const path = await produce(bus, numbers(3));
    const program = `
import sys
sys.path.insert(0, "scripts")
from bus_submit import Artifact, submit_artifact, submit_artifacts
for _ in range(2):
    submission = submit_artifacts(
        [Artifact("one", ${JSON.stringify(path)}), Artifact("two", ${JSON.stringify(path)}, kind="copy")],
        run_id="r", producer="p", kind="k", inputs=["a/b/c/d"], job_id="again", provenance={"commit": "abc"},
    )
    receipt = submission.settled(30)
print(receipt.status, receipt.seq)
`;
    const { stdout, stderr } = await runPython(bus, ['-c', program]);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^(ingested|duplicate) \d+\n$/);
    expect(await query(bus, 'SELECT artifact_key, input_key FROM catalog.lineage_v ORDER BY 1')).toEqual([
      { artifact_key: 'r/p/copy/two', input_key: 'a/b/c/d' },
      { artifact_key: 'r/p/k/one', input_key: 'a/b/c/d' },
    ]);
  });

  test('Python and TypeScript write the same manifest, byte for byte but for the time', async () => {
    const bus = await drained();
    const parquetPath = await produce(bus, numbers(3));
    const meta = {
      text: 'ü "quoted" \u2028 \u007f 🙂',
      list: [1, -2.5, true, null, {}, []],
      nested: { a: { b: 'c' } },
    };
    const inputs = ['run-0/p/k/a'];
    const job = { ...sameJob, busRoot: bus.layout.root };
    await submitArtifact({ ...job, parquetPath, meta, inputs, schemaHint: 'canon.numbers', jobId: 'twin' });
    const written = readFileSync(join(bus.layout.inbox, 'twin/manifest.json'), 'utf8');
    await drain(bus);
    const flags = ['--job-id', 'twin', '--schema-hint', 'canon.numbers', '--input', inputs[0] as string];
    const { code, stderr } = await submitScript(bus, parquetPath, ...flags, '--meta-json', JSON.stringify(meta));
    expect([code, stderr]).toEqual([0, '']);
    const timeless = (text: string) => text.replace(/"created_at_utc": "[^"]{24}"/, '"created_at_utc": ""');
    const byPython = readFileSync(join(bus.layout.inbox, 'twin/manifest.json'), 'utf8');
    expect(timeless(byPython)).toBe(timeless(written));
    expect(timeless(byPython)).not.toBe(byPython);
    await drain(bus);
    expect(await query(bus, 'SELECT status FROM catalog.jobs_f ORDER BY seq')).toEqual([
      { status: 'ingested' },
      { status: 'duplicate' },
    ]);
  });

  test('a job that waits from TypeScript is the same job when Python submits it again, and the other way round', async () => {
    const bus = await drained();
    const parquetPath = await produce(bus, numbers(3));
    const job = { ...sameJob, busRoot: bus.layout.root };
    const first = await submitArtifact({ ...job, parquetPath, jobId: 'one' });
    expect((await submitScript(bus, parquetPath, '--job-id', 'one')).code).toBe(0);
    expect((await submitScript(bus, parquetPath, '--job-id', 'two')).code).toBe(0);
    const second = await submitArtifact({ ...job, parquetPath, jobId: 'two' });
    await drain(bus);
    expect([(await first.settled()).status, (await second.settled()).status].sort()).toEqual(['duplicate', 'ingested']);
  });

  test('the file that Python staged becomes the stored file itself, without another copy', async () => {
    const bus = await drained();
    await submitScript(bus, await produce(bus, numbers(3)), '--job-id', 'linked');
    const { ino } = statSync(join(bus.layout.inbox, 'linked/numbers.parquet'));
    await drain(bus);
    const [artifact] = readJson(bus.layout.processed, 'linked/RECEIPT.json').artifacts;
    expect(statSync(artifact.canonical_path).ino).toBe(ino);
  });

  test('receipts and reasons follow the published schemas, as Python checks them', async () => {
    const bus = await drained();
    await submitScript(bus, await produce(bus, numbers(3)), '--job-id', 'good');
    await submitScript(bus, await produce(bus, numbers(4)), '--job-id', 'bad');
    await drain(bus);
    const program = `
import json, sys
from pathlib import Path
sys.path.insert(0, ${JSON.stringify(join(repository, 'python'))})
from tests.json_schema import problems
schemas, bus = Path(${JSON.stringify(join(repository, 'packages/infra/schema'))}), Path(${JSON.stringify(bus.layout.root)})
for file, schema in [
    ("processed/good/RECEIPT.json", "receipt"), ("rejected/bad/REJECT_REASON.json", "reject-reason"),
    ("processed/good/manifest.json", "manifest"), ("rejected/bad/manifest.json", "manifest"),
]:
    print(problems(json.loads((bus / file).read_text()), json.loads((schemas / f"{schema}.schema.json").read_text())))
`;
    expect((await runPython(bus, ['-c', program])).stdout).toBe('[]\n'.repeat(4));
  });

  sampled(
    'a script of the first generation, which writes into the inbox with COMMIT last, is served as ever',
    async () => {
      const bus = await running();
      const program = `
import json, shutil, time
from datetime import datetime, timezone
from pathlib import Path
job = Path("data/bus/inbox/old-1")
job.mkdir()
time.sleep(0.5)
shutil.copy(${JSON.stringify(await produce(bus, numbers(5)))}, job / "numbers.parquet")
(job / "manifest.json").write_text(json.dumps({
    "job_id": "old-1", "run_id": "run-1", "producer": "old", "kind": "numbers",
    "created_at_utc": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "artifacts": [{"artifact_id": "numbers", "relpath": "numbers.parquet", "schema_hint": "canon.numbers", "rows": 5}],
}))
time.sleep(0.5)
(job / "COMMIT").touch()
`;
      expect(await runPython(bus, ['-c', program])).toMatchObject({ code: 0, stderr: '' });
      await eventually(
        () => query(bus, `SELECT count(*) AS n FROM canon.numbers`).catch(() => [{ n: 0 }]),
        ([row]) => row?.n === 5,
      );
      expect(readJson(bus.layout.processed, 'old-1/RECEIPT.json')).toMatchObject({
        status: 'ingested',
        job_id: 'old-1',
      });
    },
  );

  sampled('many Python processes at once lose nothing', async () => {
    const bus = await running();
    const path = await produce(bus, numbers(3));
    const program = `
import sys
from concurrent.futures import ProcessPoolExecutor
from quantbot_bus import submit_artifact

def work(worker):
    done = [
        submit_artifact(run_id=f"run-{worker}-{n}", producer="p", kind="k", artifact_id="a",
                        parquet=${JSON.stringify(path)}, schema_hint="canon.numbers")
        for n in range(10)
    ]
    return [item.settled(30).status for item in done]

if __name__ == "__main__":
    with ProcessPoolExecutor(4) as pool:
        print(sorted({status for statuses in pool.map(work, range(4)) for status in statuses}))
`;
    writeFileSync(join(bus.folder, 'many.py'), program);
    expect(await runPython(bus, ['many.py'])).toMatchObject({ code: 0, stdout: "['ingested']\n", stderr: '' });
    expect(await query(bus, 'SELECT count(*) AS n FROM canon.numbers')).toEqual([{ n: 120 }]);
  });
});

describe.skipIf(!hasPython)(`the Python package${skippedWithoutPython}`, () => {
  sampled('its own tests pass', async () => {
    const bus = makeTestBus();
    const folder = join(repository, 'python');
    const discover = ['-W', 'error', '-m', 'unittest', 'discover', '-s', join(folder, 'tests'), '-t', folder];
    const { code, stderr } = await runPython(bus, discover);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/Ran \d\d+ tests/);
  });
});
