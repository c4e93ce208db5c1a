import { concurrently, daemonError } from '@quantbot/bus-format';
import { checkSeal } from '@quantbot/bus-format/journal';
import { type ContentDigest, digestFile, digestSmallFile, type Pace, systemErrorCode } from '@quantbot/infra/files';
import type { SourceFile } from './protocol.js';

const atOnce = 4;
const maxNamed = 20;

/** A damaged file, and the damage in a few words. */
interface Hurt {
  source: SourceFile;
  what: string;
}

/** Returns a few words on each of these files that is no longer as the daemon wrote it. */
export const hurtAmong = (sources: readonly SourceFile[], pace?: Pace): Promise<Hurt[]> =>
  compareAll(sources, path => digestFile(path, pace), pace);

async function compareAll(sources: readonly SourceFile[], digest: Digest, pace?: Pace): Promise<Hurt[]> {
  const found = await concurrently(
    sources,
    async source => {
      const what = await hurtOf(source, digest, pace);
      return what === undefined ? [] : [{ source, what }];
    },
    atOnce,
  );
  return found.flat();
}

type Digest = (path: string) => Promise<ContentDigest>;

/**
 * Checks the files before they are used, so that no result is computed from changed bytes. Blocks
 * the thread while it reads small files, which takes a third of the processor time.
 *
 * @throws DaemonError `FILE_DAMAGED` with a line for each file.
 */
export async function mustBeSound(sources: readonly SourceFile[]): Promise<void> {
  const hurt = await compareAll(sources, async path => digestSmallFile(path) ?? (await digestFile(path)));
  if (hurt.length === 0) return;
  const lines = hurt.map(
    ({ source: { path, name }, what }) => `${name == null ? '' : `artifact ${name}: `}${path} ${what}`,
  );
  const more = hurt.length > 1 ? `, and ${hurt.length - 1} more` : '';
  throw daemonError('FILE_DAMAGED', `${lines[0]}${more}.`, { details: lines.slice(0, maxNamed) });
}

async function hurtOf(source: SourceFile, digest: Digest, pace: Pace | undefined): Promise<string | undefined> {
  try {
    return await compare(source, digest, pace);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') return 'is gone';
    if (code === 'EISDIR') return 'is a folder';
    if (code === 'EIO') return 'cannot be read: the disk failed (EIO)';
    throw error;
  }
}

async function compare(
  { path, sha256, place }: SourceFile,
  digest: Digest,
  pace: Pace | undefined,
): Promise<string | undefined> {
  if (sha256 == null) {
    const state = await checkSeal(path, { place, pace });
    if (state === 'missing') return 'is gone';
    return state === 'rotten' ? 'is damaged: its checksum does not fit' : undefined;
  }
  return (await digest(path)).sha256 === sha256 ? undefined : "is damaged: its SHA-256 is not the journal's";
}
