import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the packages. */
const packages = fileURLToPath(new URL('../../../packages/', import.meta.url));

/** A module that others may import. */
export interface Entry {
  /** What one writes: `@quantbot/infra/utils`. */
  name: string;
  folder: string;
  /** Its declarations, built. */
  types: string;
  /** The name of its report. */
  report: string;
}

/** The packages that programs import; the others are rooms of the bus itself. */
export const published = ['infra', 'storage', 'bus-daemon', 'backtest', 'lab'];

/** Every module that the packages export, but what they say is for themselves only. */
export function entries(): Entry[] {
  return published.flatMap(name => {
    const folder = join(packages, name);
    const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      exports: Record<string, string | { types?: string }>;
    };
    return Object.entries(exports).flatMap(([path, target]) => {
      if (typeof target === 'string' || target.types === undefined) return [];
      const below = path.slice(1);
      return {
        name: `@quantbot/${name}${below}`,
        folder,
        types: join(folder, target.types),
        report: `${name}${below.replaceAll('/', '-')}`,
      };
    });
  });
}
