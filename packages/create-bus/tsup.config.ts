import { esm } from '@quantbot/tooling-config/tsup';
import { defineConfig } from 'tsup';

export default defineConfig(esm({ 'create-bus': 'src/bin.ts' }));
