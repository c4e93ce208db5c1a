import { join } from 'node:path';
import { loadedPackages } from '@quantbot/tooling-config/loaded-packages';
import { expect, test } from 'vitest';
import { initBusRoot } from '../src/index.js';
import { temporaryFolder } from './support/folders.js';
import { writeCounting } from './support/parquet.js';

const utils = join(import.meta.dirname, '../dist/utils/index.js');

test('a program that submits a file loads no large library', async () => {
  const folder = temporaryFolder();
  const busRoot = join(folder, 'bus');
  await initBusRoot(busRoot);
  const parquetPath = await writeCounting(join(folder, 'a.parquet'), 2);
  const options = { runId: 'run', producer: 'p', kind: 'k', artifactId: 'a', parquetPath, busRoot };
  const { stdout, stderr, packages } = load(
    `console.log((await infra.submitArtifact(${JSON.stringify(options)})).artifacts[0].rows);`,
  );
  expect({ stdout, stderr }).toEqual({ stdout: '2\n', stderr: '' });
  expect(packages).toEqual(['fastest-levenshtein']);
});

test('a library is loaded by the function that needs it', () => {
  const path = JSON.stringify(join(temporaryFolder(), 'a.parquet'));
  const writing = `await infra.writeSmallParquet(${path}, { columns: { n: 'int64' }, rows: [{ n: 1 }] });`;
  expect(load(writing).packages).toContain('parquetjs-lite');
  expect(load(writing).packages).not.toContain('pino');
  expect(load(`infra.createLogger({ name: 'test' });`).packages).toContain('pino');
});

/** Runs code with the built `@quantbot/infra/utils` as `infra`. */
const load = (code: string) =>
  loadedPackages(['--input-type=module', '-e', `import * as infra from ${JSON.stringify(utils)};\n${code}`]);
