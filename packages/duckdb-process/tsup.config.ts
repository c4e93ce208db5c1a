import { esm } from '@quantbot/tooling-config/tsup';
import { defineConfig } from 'tsup';

export default defineConfig(
  esm({
    index: 'src/index.ts',
    'ask-catalog': 'src/ask-catalog.ts',
    'shown-file': 'src/shown-file.ts',
    'diff/index': 'src/diff/index.ts',
  }),
);
