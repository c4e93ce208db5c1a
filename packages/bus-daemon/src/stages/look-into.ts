import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { fileNames } from '@quantbot/infra';

/** Names in a job's folder that are the protocol's own: no artifact may have one. */
export const protocolFiles: ReadonlySet<string> = new Set<string>(Object.values(fileNames));

/** What lies in a job's folder, by name, without the protocol's own files; undefined when it is no folder, or cannot be read. */
export function lookInto(folder: string): Map<string, Stats> | undefined {
  try {
    if (!lstatSync(folder).isDirectory()) return undefined;
    const files = new Map<string, Stats>();
    for (const name of readdirSync(folder)) {
      const info = protocolFiles.has(name) ? undefined : lstatSync(join(folder, name), { throwIfNoEntry: false });
      if (info !== undefined) files.set(name, info);
    }
    return files;
  } catch {
    return undefined; // verification says what is wrong with it
  }
}
