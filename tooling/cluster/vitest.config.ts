import { fileURLToPath } from 'node:url';
import { projects } from '@quantbot/tooling-config/vitest';
import { defineConfig } from 'vitest/config';

const { test } = projects();
// The registries have extensions for one version of DuckDB only.
const hook = fileURLToPath(import.meta.resolve('@quantbot/tooling-testing/cluster/duckdb-with-extensions'));

export default defineConfig({
  test: {
    ...test,
    projects: (test?.projects ?? []).map((project: unknown) => ({
      ...(project as object),
      test: { ...(project as { test: object }).test, execArgv: ['--require', hook], hookTimeout: 120_000 },
    })),
  },
});
