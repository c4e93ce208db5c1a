import { esm } from '@quantbot/tooling-config/tsup';
import { defineConfig } from 'tsup';

export default defineConfig(
  esm({
    'backup/index': 'src/backup/index.ts',
    'doctor/index': 'src/doctor/index.ts',
    'forget/index': 'src/forget/index.ts',
    gc: 'src/gc.ts',
    jobs: 'src/jobs.ts',
    'migrate/index': 'src/migrate/index.ts',
    'notify/index': 'src/notify/index.ts',
    'scrub/index': 'src/scrub/index.ts',
    status: 'src/status.ts',
    'verify/index': 'src/verify/index.ts',
  }),
);
