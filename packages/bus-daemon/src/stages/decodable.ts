import type { Bus } from '../bus.js';
import { canBeDeclared } from '../canon/evolve.js';
import { canonTableOf } from '../canon/table.js';
import {
  type DecodeFinding,
  decodeAlone,
  decodeBudget,
  decodeTogether,
  type FilesToDecode,
} from '../worker/decoder.js';
import type { VerifiedArtifact } from './job.js';

const movingEveryMs = 10_000;

/**
 * Returns which of these files cannot be read although their footer is good, or lack values that their table needs, and why. Only files for canonical
 * tables are read: there, one bad page would fail every query of the table. Reading happens in another process, which a hostile file may take down with it.
 */
export async function checkDecodable(
  bus: Bus,
  artifacts: readonly VerifiedArtifact[],
): Promise<Map<string, DecodeFinding>> {
  const bad = new Map<string, DecodeFinding>();
  const groups = new Map<string, FilesToDecode>();
  for (const artifact of artifacts) {
    const table = canonTableOf(artifact.entry.schema_hint);
    if (table === undefined) continue;
    // A column that the file lacks is found when its schema is compared.
    const required = bus.tables.required(table).filter(name => artifact.columns.some(column => column.name === name));
    const declared = artifact.columns.every(({ type }) => canBeDeclared(type)) ? { columns: artifact.columns } : {};
    const alike = JSON.stringify([required, artifact.columns]);
    const group = groups.get(alike) ?? { ...declared, required, files: [] };
    group.files.push({ path: artifact.file, rows: artifact.rows, bytes: artifact.bytes });
    groups.set(alike, group);
  }
  // Each attempt has a budget of its own, so who waits for one does not hang.
  const moving = setInterval(() => bus.events.emit('moved', { stage: 'verify' }), movingEveryMs);
  try {
    for (const group of groups.values()) await decodeGroup(bus, group, bad);
  } finally {
    clearInterval(moving);
  }
  return bad;
}

/** All files of one schema in one statement; if that fails, halves, until each bad file stands alone. */
async function decodeGroup(bus: Bus, group: FilesToDecode, bad: Map<string, DecodeFinding>): Promise<void> {
  const { files } = group;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const { limits } = bus.config;
  const outcome = await decodeTogether(bus.inspector, group, decodeBudget(limits, bytes));
  bus.events.emit('moved', { stage: 'verify' });
  if (outcome === undefined) return;
  const [only] = files;
  if (files.length === 1 && only !== undefined) {
    const finding = 'spoilt' in outcome ? await decodeAlone(bus.inspector, group, limits) : outcome;
    if (finding !== undefined) bad.set(only.path, finding);
    return;
  }
  const middle = Math.ceil(files.length / 2);
  await decodeGroup(bus, { ...group, files: files.slice(0, middle) }, bad);
  await decodeGroup(bus, { ...group, files: files.slice(middle) }, bad);
}
