import { setTimeout as sleep } from 'node:timers/promises';
import { paceOf } from '@quantbot/bus-care/scrub';
import { DaemonError } from '@quantbot/bus-format';
import type { ScrubState } from '@quantbot/bus-format/state';
import { withClusterPackage } from '../../cluster-package.js';
import { scrubBus } from '../../onlookers/background/upkeep.js';
import { withProgress } from '../progress.js';
import { type CommonOptions, configOfBus, print } from '../shared.js';

/**
 * `quantbot-bus scrub`: runs now the scrub that the daemon runs in the background. Waits up to
 * `lock_timeout_s` for another scrub. Exit code 2 if a file is damaged.
 */
export async function scrubCommand(options: CommonOptions & { mbPerSecond?: number }): Promise<void> {
  const config = await configOfBus(options);
  const bytesPerS = options.mbPerSecond === undefined ? config.scrub.bytesPerS : options.mbPerSecond * 1_000_000;
  const pace = paceOf(bytesPerS);
  const report = await withProgress(options, async onProgress => {
    const { place: _, ...state } = await withClusterPackage(() =>
      afterAnother(config.lockTimeoutMs, () => scrubBus(config, { pace, onProgress })),
    );
    return state;
  });
  print(options, report, () => describe(report));
  if (report.findings.length > 0) process.exitCode = 2;
}

/** The daemon's scrub of a small bus ends within this time. That of a large one may take hours. */
async function afterAnother<T>(waitMs: number, run: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    try {
      return await run();
    } catch (error) {
      const isBusy = error instanceof DaemonError && error.code === 'SCRUB_BUSY';
      if (!isBusy || performance.now() >= deadline) throw error;
      await sleep(250);
    }
  }
}

function describe({ findings, files, bytes }: Pick<ScrubState, 'findings' | 'files' | 'bytes'>): string {
  const lines = findings.map(({ code, what, detail }) => `${code.padEnd(16)} ${what}: ${detail}`);
  const verdict = findings.length === 0 ? 'all as they were written' : `${findings.length} damaged or missing`;
  return [...lines, `${files} files, ${bytes} bytes: ${verdict}`].join('\n');
}
