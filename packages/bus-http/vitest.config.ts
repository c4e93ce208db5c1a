import { projects } from '@quantbot/tooling-config/vitest';
import { defineConfig } from 'vitest/config';

export default defineConfig(projects());
