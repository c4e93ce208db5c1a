import { projects } from '@quantbot/tooling-config/vitest';
import { defineConfig } from 'vitest/config';

// Run the browser tests alone, because their timeouts are short.
const inBrowser = [
  'dashboard',
  'dashboard-act',
  'dashboard-compare',
  'dashboard-find',
  'dashboard-look',
  'dashboard-many-jobs.campaign',
  'dashboard-sql',
];

const longest = [
  'readers/recipes.campaign',
  'tables/table-kills',
  'migrate/adopt',
  'exports/dataset-exports',
  'tables/table-retype',
  'tables/table-mode',
  'readers/duckdb-clients.campaign',
  'care/backup-hazards.campaign',
];

export default defineConfig(
  projects({
    alone: inBrowser.map(name => `test/web/${name}.test.ts`),
    first: longest.map(name => `test/${name}.test.ts`),
  }),
);
