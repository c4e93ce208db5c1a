import { concurrently, daemonError } from '@quantbot/bus-format';
import { checkSeal } from '@quantbot/bus-format/journal';
import { digestFile, type Pace, systemErrorCode } from '@quantbot/infra/files';
import type { SourceFile } from './protocol.js';

const atOnce = 4;
const maxNamed = 20;

/** Returns a few words on each of these files that is no longer as the daemon wrote it. */
export async function hurtAmong(
  sources: readonly SourceFile[],
  pace?: Pace,
): Promise<{ source: SourceFile; what: string }[]> {
  const found = await concurrently(
    sources,
    async source => {
      const what = await hurtOf(source, pace);
      return what === undefined ? [] : [{ source, what }];
    },
    atOnce,
  );
  return found.flat();
}

/**
 * Checks the files before they are used, so that no result is computed from changed bytes.
 *
 * @throws DaemonError `FILE_DAMAGED` with a line for each file.
 */
export async function mustBeSound(sources: readonly SourceFile[]): Promise<void> {
  const hurt = await hurtAmong(sources);
  if (hurt.length === 0) return;
  const lines = hurt.map(
    ({ source: { path, name }, what }) => `${name == null ? '' : `artifact ${name}: `}${path} ${what}`,
  );
  const more = hurt.length > 1 ? `, and ${hurt.length - 1} more` : '';
  throw daemonError('FILE_DAMAGED', `${lines[0]}${more}.`, { details: lines.slice(0, maxNamed) });
}

async function hurtOf(source: SourceFile, pace: Pace | undefined): Promise<string | undefined> {
  try {
    return await compare(source, pace);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') return 'is gone';
    if (code === 'EISDIR') return 'is a folder';
    if (code === 'EIO') return 'cannot be read: the disk failed (EIO)';
    throw error;
  }
}

async function compare({ path, sha256 }: SourceFile, pace: Pace | undefined): Promise<string | undefined> {
  if (sha256 == null) {
    const state = await checkSeal(path, pace);
    if (state === 'missing') return 'is gone';
    return state === 'rotten' ? 'is damaged: its checksum does not fit' : undefined;
  }
  return (await digestFile(path, pace)).sha256 === sha256 ? undefined : "is damaged: its SHA-256 is not the journal's";
}
