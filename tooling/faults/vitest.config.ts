import { projects } from '@quantbot/tooling-config/vitest';
import { defineConfig } from 'vitest/config';

const longest = ['cluster-mutants', 'system-calls', 'rot', 'cluster-campaign'];

export default defineConfig(projects({ first: longest.map(name => `test/${name}.campaign.test.ts`) }));
