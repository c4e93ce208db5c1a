import { esm } from '@quantbot/tooling-config/tsup';
import { defineConfig } from 'tsup';

export default defineConfig(
  esm({
    'adopt/index': 'src/adopt/index.ts',
    'compare/index': 'src/compare/index.ts',
    'move/index': 'src/move/index.ts',
    'scan/index': 'src/scan/index.ts',
  }),
);
