import { esm } from '@quantbot/tooling-config/tsup';
import { defineConfig } from 'tsup';

export default defineConfig(
  esm({ 'typescript-producer': 'typescript-producer/producer.ts', 'embedded-daemon': 'embedded-daemon/collector.ts' }),
);
