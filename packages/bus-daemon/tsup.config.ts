import { esm } from '@quantbot/tooling-config/tsup';
import { defineConfig } from 'tsup';

export default defineConfig(
  esm({
    index: 'src/index.ts',
    cli: 'src/cli/bin.ts',
    worker: 'src/worker/main.ts',
    'file-thread': 'src/file-thread/main.ts',
  }),
);
