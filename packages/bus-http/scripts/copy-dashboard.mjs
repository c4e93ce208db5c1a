import { cpSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

// The built page goes into this package, so that whoever installs it needs no other.
const dashboard = dirname(fileURLToPath(import.meta.resolve('@quantbot/dashboard/package.json')));
cpSync(join(dashboard, 'dist/page'), new URL('../dist/dashboard', import.meta.url), { recursive: true });
