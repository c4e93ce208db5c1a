import { esm } from '@quantbot/tooling-config/tsup';
import { defineConfig } from 'tsup';

export default defineConfig(
  esm({
    main: 'src/main.ts',
    floor: 'src/contenders/floor.ts',
    'bare-producer': 'src/contenders/bare-producer.ts',
    'bus-producer': 'src/contenders/bus-producer.ts',
    'direct-writer': 'src/contenders/direct-writer.ts',
    read: 'src/contenders/read.ts',
    uploader: 'src/contenders/uploader.ts',
  }),
);
