import { program } from '@quantbot/tooling-config/tsup';
import { defineConfig } from 'tsup';

// Few processes ask a catalog, which needs most of our packages. No process writes with
// parquetjs-lite, or reads from S3 by itself.
export default defineConfig(program({ worker: 'src/main.ts' }, ['./ask-catalog.js', 'parquetjs-lite', 'aws4']));
