import { fileURLToPath } from 'node:url';
import { projects } from '@quantbot/tooling-config/vitest';
import { defineConfig } from 'vitest/config';

// The registries have extensions for one version of DuckDB only.
const hook = fileURLToPath(import.meta.resolve('@quantbot/tooling-testing/cluster/duckdb-with-extensions'));

const longest = [
  'histories.campaign',
  'tables.campaign',
  'cluster',
  'forgetting.campaign',
  'two-buses-tables.campaign',
  'move.campaign',
  'journal.campaign',
];

export default defineConfig(
  projects({
    first: longest.map(name => `test/${name}.test.ts`),
    ofAll: { execArgv: ['--require', hook], hookTimeout: 120_000 },
  }),
);
