import { projects } from '@quantbot/tooling-config/vitest';
import { defineConfig } from 'vitest/config';

const [unit, integration] = projects().test.projects;
const browser = 'test/dashboard.test.ts';

// Two files of real processes at once; the browser's alone, because it wants answers in a person's time.
export default defineConfig({
  test: {
    projects: [
      unit,
      { test: { ...integration.test, exclude: [browser], fileParallelism: true, maxWorkers: 2 } },
      { test: { ...integration.test, name: 'browser', include: [browser] } },
    ],
  },
});
