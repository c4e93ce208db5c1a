import { paceOf, scrub } from '@quantbot/bus-care/scrub';
import type { ScrubState } from '@quantbot/bus-format/state';
import { withProgress } from '../progress.js';
import { type CommonOptions, openedBus, print } from '../shared.js';

/**
 * `quantbot-bus scrub`: what the daemon does in the background, now. Exit code 2 when a file is
 * damaged.
 */
export async function scrubCommand(options: CommonOptions & { mbPerSecond?: number }): Promise<void> {
  const config = await openedBus(options);
  const bytesPerS = options.mbPerSecond === undefined ? config.scrub.bytesPerS : options.mbPerSecond * 1_000_000;
  const state = await withProgress(options, onProgress => scrub(config, { pace: paceOf(bytesPerS), onProgress }));
  const { place: _, ...report } = state;
  print(options, report, () => describe(state));
  if (state.findings.length > 0) process.exitCode = 2;
}

function describe({ findings, files, bytes }: ScrubState): string {
  const lines = findings.map(({ code, what, detail }) => `${code.padEnd(16)} ${what}: ${detail}`);
  const verdict = findings.length === 0 ? 'all as they were written' : `${findings.length} damaged or missing`;
  return [...lines, `${files} files, ${bytes} bytes: ${verdict}`].join('\n');
}
