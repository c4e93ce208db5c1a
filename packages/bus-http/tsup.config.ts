import { esm } from '@quantbot/tooling-config/tsup';
import { defineConfig } from 'tsup';

export default defineConfig(esm({ index: 'src/index.ts', metrics: 'src/metrics/index.ts' }));
