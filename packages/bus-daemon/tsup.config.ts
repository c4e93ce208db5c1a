import { esm } from '@quantbot/tooling-config/tsup';
import { defineConfig } from 'tsup';

export default defineConfig(
  esm({
    index: 'src/index.ts',
    cli: 'src/cli/bin.ts',
    'command-line': 'src/cli/run.ts',
    scrub: 'src/onlookers/scrub/main.ts',
    gc: 'src/onlookers/gc/main.ts',
    openlineage: 'src/onlookers/openlineage/main.ts',
    'file-thread': 'src/writer/file-thread/main.ts',
  }),
);
