// @module-tag campaign
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { submitArtifact } from '@quantbot/infra/utils';
import { startChild } from '@quantbot/tooling-testing/child';
import { versionWithExtensions } from '@quantbot/tooling-testing/cluster/extensions';
import { writeSelect } from '@quantbot/tooling-testing/parquet';
import {
  hasPython,
  pythonEnvironment,
  pythonWith,
  skippedWithoutPython,
  withoutDataTools,
} from '@quantbot/tooling-testing/python';
import { expect, test } from 'vitest';
import { describeClusters } from './support/cluster.js';

const script = fileURLToPath(new URL('./support/python-lake.py', import.meta.url));
const packages = [`duckdb==${versionWithExtensions}`, 'pandas', 'pyarrow', 'polars', 'boto3'];

describeClusters(
  'the Python client',
  newCluster => {
    test.skipIf(!hasPython)(
      `reads the bus through its lake${skippedWithoutPython}`,
      { timeout: 600_000 },
      async context => {
        const python = pythonWith('lake', packages) ?? context.skip(withoutDataTools);
        const cluster = await newCluster();
        const submit = async (runId: string, select: string, inputs: string[]) => {
          await submitArtifact({
            busRoot: cluster.objects,
            ...{ runId, producer: 'p', kind: 'k', artifactId: 'a', schemaHint: 'canon.names', inputs },
            parquetPath: await writeSelect(join(cluster.folder, 'produced'), select),
          });
          await cluster.done('start', '--drain');
        };
        await submit('run-1', "SELECT 9007199254740993 + i AS id, ['a', 'b'][i + 1] AS name FROM range(2) t(i)", []);
        await submit('run-2', "SELECT 1::BIGINT AS id, 'c' AS name", ['run-1/p/k/a']);
        const args = [script, cluster.objects, cluster.config, 'run-1/p/k/a', 'run-2/p/k/a'];
        const child = startChild(python, args, cluster.folder, pythonEnvironment);
        expect(await child.ended, child.stderr()).toMatchObject({ code: 0 });
        expect(child.stdout()).toBe('all held\n');
      },
    );
  },
  ['campaign'],
);
