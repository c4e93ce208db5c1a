import { projects } from '@quantbot/tooling-config/vitest';
import { defineConfig } from 'vitest/config';

// The browser wants answers in a person's time.
export default defineConfig(projects({ atOnce: 2, alone: ['test/dashboard.test.ts'] }));
