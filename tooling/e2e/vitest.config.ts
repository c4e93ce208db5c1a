import { projects } from '@quantbot/tooling-config/vitest';
import { defineConfig } from 'vitest/config';

// Run the browser tests alone, because their timeouts are short.
export default defineConfig(projects({ alone: ['test/web/dashboard.test.ts'] }));
