import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/**
 * Every fault point of producer or daemon that stands in a package's source, so that none can be
 * added and forgotten. Adoption and backup are commands, and killed by their own tests.
 */
export function faultPointsOf(name: '@quantbot/infra' | '@quantbot/bus-daemon'): string[] {
  const source = join(dirname(require.resolve(`${name}/package.json`)), 'src');
  const points = new Set<string>();
  for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
    for (const [, point = ''] of readFileSync(join(source, file), 'utf8').matchAll(/faultPoint\('([^']+)'\)/g))
      if (!/^(adopt|backup):/.test(point)) points.add(point);
  }
  return [...points].sort();
}
