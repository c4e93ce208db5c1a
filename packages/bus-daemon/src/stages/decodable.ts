import type { Bus } from '../bus.js';
import { canonTableOf } from '../canon/table.js';
import { DaemonError, machineFaultIn } from '../errors.js';
import type { VerifiedArtifact } from './job.js';

/** A file to decode, and how many rows its footer claims. */
export interface FileToDecode {
  path: string;
  rows: number;
}

const timeoutMs = 300_000;

/**
 * Which of these files cannot be read although their footer is good, and why. Only files for canonical tables are read: there, one bad
 * page would fail every query of the table. Reading happens in another process, which a hostile file may take down with it.
 */
export async function checkDecodable(bus: Bus, artifacts: readonly VerifiedArtifact[]): Promise<Map<string, string>> {
  const bad = new Map<string, string>();
  const bySchema = new Map<string, FileToDecode[]>();
  for (const artifact of artifacts) {
    if (canonTableOf(artifact.entry.schema_hint) === undefined) continue;
    const schema = JSON.stringify(artifact.columns);
    bySchema.set(schema, [...(bySchema.get(schema) ?? []), { path: artifact.file, rows: artifact.rows }]);
  }
  for (const files of bySchema.values()) await decodeGroup(bus, files, bad);
  return bad;
}

/** All files of one schema in one statement; if that fails, halves, until each bad file stands alone. */
async function decodeGroup(bus: Bus, files: readonly FileToDecode[], bad: Map<string, string>): Promise<void> {
  const problem = await tryDecode(bus, files);
  if (problem === undefined) return;
  const fault = machineFaultIn(problem);
  if (fault !== undefined) throw fault; // no file is blamed for it, and the daemon pauses
  const [only] = files;
  if (files.length === 1 && only !== undefined) {
    bad.set(only.path, problem);
    return;
  }
  const middle = Math.ceil(files.length / 2);
  await decodeGroup(bus, files.slice(0, middle), bad);
  await decodeGroup(bus, files.slice(middle), bad);
}

async function tryDecode(bus: Bus, files: readonly FileToDecode[]): Promise<string | undefined> {
  try {
    return await bus.inspector.request({ task: 'decode', files: [...files] }, timeoutMs);
  } catch (error) {
    // The file took the process down or would not end: that is the file's own doing.
    if (error instanceof DaemonError && (error.code === 'WORKER_CRASHED' || error.code === 'WORKER_TIMEOUT'))
      return error.message;
    throw error;
  }
}
