import { program } from '@quantbot/tooling-config/tsup';
import { defineConfig } from 'tsup';

// Few processes ask a catalog or check a file to show, which need most of our packages. No process
// writes with parquetjs-lite.
export default defineConfig(
  program({ worker: 'src/main.ts' }, ['./ask-catalog.js', './shown-file.js', 'parquetjs-lite', 'aws4']),
);
