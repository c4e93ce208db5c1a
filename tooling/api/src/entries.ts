import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the packages. */
const packages = fileURLToPath(new URL('../../../packages/', import.meta.url));

/** A module that others may import. */
export interface Entry {
  /** The import path: `@quantbot/infra/utils`. */
  name: string;
  folder: string;
  /** Its built declarations. */
  types: string;
  /** The name of its report. */
  report: string;
}

/** The packages that programs import; the others are internal packages of the bus. */
export const published = ['infra', 'storage', 'bus-daemon', 'backtest', 'lab'];

/** Returns every module that the published packages export, except those without types. */
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
