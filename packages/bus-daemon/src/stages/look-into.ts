import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { fileNames, inFolder } from '@quantbot/infra';

/** Names in a job's folder that are the protocol's own: no artifact may have one. */
export const protocolFiles: ReadonlySet<string> = new Set<string>(Object.values(fileNames));

const ofEveryJob: ReadonlySet<string> = new Set([fileNames.manifest, fileNames.commit]);

/** What lies in a job's folder besides manifest and COMMIT, by name; undefined when it is no folder, or cannot be read. */
export function lookInto(folder: string): Map<string, Stats> | undefined {
  try {
    if (!lstatSync(folder).isDirectory()) return undefined;
    const files = new Map<string, Stats>();
    for (const name of readdirSync(folder)) {
      const info = ofEveryJob.has(name) ? undefined : lstatSync(inFolder(folder, name), { throwIfNoEntry: false });
      if (info !== undefined) files.set(name, info);
    }
    return files;
  } catch {
    return undefined; // verification says what is wrong with it
  }
}
