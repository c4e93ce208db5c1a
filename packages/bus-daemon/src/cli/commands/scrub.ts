import { paceOf } from '@quantbot/bus-care/scrub';
import type { ScrubState } from '@quantbot/bus-format/state';
import { withClusterPackage } from '../../cluster-package.js';
import { scrubBus } from '../../onlookers/background/upkeep.js';
import { withProgress } from '../progress.js';
import { type CommonOptions, configOfBus, print } from '../shared.js';

/**
 * `quantbot-bus scrub`: runs now the scrub that the daemon runs in the background. Exit code 2 if a
 * file is damaged.
 */
export async function scrubCommand(options: CommonOptions & { mbPerSecond?: number }): Promise<void> {
  const config = await configOfBus(options);
  const bytesPerS = options.mbPerSecond === undefined ? config.scrub.bytesPerS : options.mbPerSecond * 1_000_000;
  const pace = paceOf(bytesPerS);
  const report = await withProgress(options, async onProgress => {
    const { place: _, ...state } = await withClusterPackage(() => scrubBus(config, { pace, onProgress }));
    return state;
  });
  print(options, report, () => describe(report));
  if (report.findings.length > 0) process.exitCode = 2;
}

function describe({ findings, files, bytes }: Pick<ScrubState, 'findings' | 'files' | 'bytes'>): string {
  const lines = findings.map(({ code, what, detail }) => `${code.padEnd(16)} ${what}: ${detail}`);
  const verdict = findings.length === 0 ? 'all as they were written' : `${findings.length} damaged or missing`;
  return [...lines, `${files} files, ${bytes} bytes: ${verdict}`].join('\n');
}
