import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/**
 * Returns every fault point in a package's source, so that a new one cannot be forgotten. Adoption,
 * backup and clusters have their own tests, so their points are left out.
 */
export function faultPointsOf(name: '@quantbot/infra' | '@quantbot/bus-daemon'): string[] {
  const source = join(dirname(require.resolve(`${name}/package.json`)), 'src');
  const points = new Set<string>();
  for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts') || file.startsWith('cluster/')) continue;
    for (const [, point = ''] of readFileSync(join(source, file), 'utf8').matchAll(/faultPoint\('([^']+)'\)/g))
      if (!/^(adopt|backup):/.test(point)) points.add(point);
  }
  return [...points].sort();
}
