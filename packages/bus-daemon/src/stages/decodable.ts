import type { Bus } from '../bus.js';
import { canBeDeclared } from '../canon/evolve.js';
import { canonTableOf } from '../canon/table.js';
import { DaemonError, machineFaultIn } from '../errors.js';
import type { DeclaredColumn } from '../sql.js';
import type { DecodeProblem } from '../worker/protocol.js';
import type { VerifiedArtifact } from './job.js';

/** A file to decode, and how many rows its footer claims. */
export interface FileToDecode {
  path: string;
  rows: number;
}

/** Files of one schema, and the columns in which they must not have NULL. */
interface Group {
  /** Absent where they cannot be said: then their table does not take them either. */
  columns?: readonly DeclaredColumn[];
  required: string[];
  files: FileToDecode[];
}

/** How long a group of files may take: what does not end within it is tried in halves. */
export const decodeTimeoutMs = 300_000;

/**
 * Which of these files cannot be read although their footer is good, or lack values that their table needs, and why. Only files for canonical tables are read: there, one bad
 * page would fail every query of the table. Reading happens in another process, which a hostile file may take down with it.
 */
export async function checkDecodable(
  bus: Bus,
  artifacts: readonly VerifiedArtifact[],
): Promise<Map<string, DecodeProblem>> {
  const bad = new Map<string, DecodeProblem>();
  const groups = new Map<string, Group>();
  for (const artifact of artifacts) {
    const table = canonTableOf(artifact.entry.schema_hint);
    if (table === undefined) continue;
    // A column that the file lacks is found when its schema is compared.
    const required = bus.tables.required(table).filter(name => artifact.columns.some(column => column.name === name));
    const declared = artifact.columns.every(({ type }) => canBeDeclared(type)) ? { columns: artifact.columns } : {};
    const alike = JSON.stringify([required, artifact.columns]);
    const group = groups.get(alike) ?? { ...declared, required, files: [] };
    group.files.push({ path: artifact.file, rows: artifact.rows });
    groups.set(alike, group);
  }
  for (const group of groups.values()) await decodeGroup(bus, group, bad);
  return bad;
}

/** All files of one schema in one statement; if that fails, halves, until each bad file stands alone. */
async function decodeGroup(bus: Bus, group: Group, bad: Map<string, DecodeProblem>): Promise<void> {
  const { files } = group;
  const problem = await tryDecode(bus, group);
  if (problem === undefined) return;
  const fault = 'unreadable' in problem ? machineFaultIn(problem.unreadable) : undefined;
  if (fault !== undefined) throw fault; // no file is blamed for it, and the daemon pauses
  const [only] = files;
  if (files.length === 1 && only !== undefined) {
    bad.set(only.path, problem);
    return;
  }
  const middle = Math.ceil(files.length / 2);
  await decodeGroup(bus, { ...group, files: files.slice(0, middle) }, bad);
  await decodeGroup(bus, { ...group, files: files.slice(middle) }, bad);
}

async function tryDecode(bus: Bus, group: Group): Promise<DecodeProblem | undefined> {
  try {
    return await bus.inspector.request({ task: 'decode', ...group }, decodeTimeoutMs);
  } catch (error) {
    // The file took the process down or would not end: that is the file's own doing.
    if (error instanceof DaemonError && (error.code === 'WORKER_CRASHED' || error.code === 'WORKER_TIMEOUT'))
      return { unreadable: error.message };
    throw error;
  } finally {
    bus.events.emit('moved', { stage: 'verify' });
  }
}
