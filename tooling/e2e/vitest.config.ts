import { projects } from '@quantbot/tooling-config/vitest';
import { defineConfig } from 'vitest/config';

// Run the browser tests alone, because their timeouts are short.
const inBrowser = ['dashboard', 'dashboard-act', 'dashboard-find', 'dashboard-look', 'dashboard-sql'];

export default defineConfig(projects({ alone: inBrowser.map(name => `test/web/${name}.test.ts`) }));
