import { fileURLToPath } from 'node:url';
import { projects } from '@quantbot/tooling-config/vitest';
import { defineConfig } from 'vitest/config';

// The registries have extensions for one version of DuckDB only.
const hook = fileURLToPath(import.meta.resolve('@quantbot/tooling-testing/cluster/duckdb-with-extensions'));

export default defineConfig(projects({ ofAll: { execArgv: ['--require', hook], hookTimeout: 120_000 } }));
