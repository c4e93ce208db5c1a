import { projects } from '@quantbot/tooling-config/vitest';
import { defineConfig } from 'vitest/config';

// The browser wants answers in a person's time.
export default defineConfig(projects({ alone: ['test/web/dashboard.test.ts'] }));
