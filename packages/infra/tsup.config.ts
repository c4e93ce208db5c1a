import { esm } from '@quantbot/tooling-config/tsup';
import { defineConfig } from 'tsup';

export default defineConfig(
  esm({
    index: 'src/index.ts',
    bus: 'src/bus.ts',
    'config/index': 'src/config/index.ts',
    'files/index': 'src/files/index.ts',
    'objects/index': 'src/objects/index.ts',
    'utils/index': 'src/utils/index.ts',
    visible: 'src/visible.ts',
  }),
);
