import { esm } from '@quantbot/tooling-config/tsup';
import { defineConfig } from 'tsup';

export default defineConfig(
  esm({
    index: 'src/index.ts',
    'canon/index': 'src/canon/index.ts',
    duckdb: 'src/duckdb.ts',
    'duckdb-fault': 'src/duckdb-fault.ts',
    seals: 'src/seals.ts',
    sql: 'src/sql.ts',
    'journal/index': 'src/journal/index.ts',
    'state/index': 'src/state/index.ts',
    testing: 'src/testing.ts',
    version: 'src/version.ts',
    'views/index': 'src/views/index.ts',
  }),
);
