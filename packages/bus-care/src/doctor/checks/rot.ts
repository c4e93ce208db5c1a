import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ignoreMissing } from '@quantbot/bus-format';
import { readScrubState } from '@quantbot/bus-format/state';
import { checkDatabaseFiles, checkOwnFiles } from '../../verify/verify-own-files.js';
import type { ExaminedBus } from '../examined-bus.js';
import { type Finding, finding, orFine } from '../finding.js';

/** As much is hashed while somebody waits; what is larger is `verify`'s. */
const maxHashedBytes = 256 * 1024 * 1024;

/**
 * Whether the files that the daemon wrote are as it wrote them. What the store holds is for
 * `verify` to hash.
 */
export async function rot({ config, layout, run }: ExaminedBus): Promise<Finding[]> {
  const bytes = (await bytesIn(layout.canon)) + (await bytesIn(config.export.exportDir));
  const isSmall = bytes <= maxHashedBytes;
  const problems = isSmall ? await checkOwnFiles(config, layout) : await checkDatabaseFiles(config, layout);
  const findings = problems
    .filter(({ code }) => code !== 'JOURNAL_DAMAGED') // the journal's own check tells
    .map(({ what, detail }) =>
      finding('FILE_DAMAGED', `${what} is damaged: ${detail}.`, `Run ${run('verify')} to list every damaged file`),
    );
  const known = new Set(problems.map(({ what }) => what));
  for (const { what, detail, found_at } of readScrubState(config.busRoot)?.findings ?? [])
    if (!known.has(what))
      findings.push(
        finding(
          'FILE_DAMAGED',
          `${what} is damaged. A scrub found this at ${found_at}: ${detail}.`,
          `Repair it, then check it again: ${run('scrub')}`,
        ),
      );
  const scope = isSmall ? "the daemon's own files are as it wrote them" : 'the published database is as it was written';
  return orFine(findings, 'rot', `${scope}; ${run('verify')} hashes everything`);
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  const names = await readdir(folder, { recursive: true, encoding: 'utf8' }).catch(ignoreMissing);
  for (const name of names ?? []) bytes += (await stat(join(folder, name)).catch(ignoreMissing))?.size ?? 0;
  return bytes;
}
