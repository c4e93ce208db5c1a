import { type VerifyReport, verifyStore } from '../../care/verify-store.js';
import type { BusCommand } from '../bus-command.js';
import { withProgress } from '../progress.js';
import { busCommand, type CommonOptions, openedBus, print } from '../shared.js';

/**
 * `quantbot-bus verify`: re-hashes the store against the journal, and the daemon's own files
 * against their checksums. Exit code 2 when something is wrong.
 */
export const verifyCommand = (): BusCommand =>
  busCommand('verify', 'Re-hash the whole bus; find missing, changed, damaged and orphaned files.')
    .option('--deep', 'also decode every page of every artifact')
    .explain({
      exitCodes: { 0: 'all is as the journal says', 2: 'something is missing, changed, damaged or orphaned' },
      examples: ['quantbot-bus verify', 'quantbot-bus verify --deep --json'],
    })
    .action(async (options: CommonOptions & { deep?: boolean }) => {
      const config = await openedBus(options);
      const report = await withProgress(options, onProgress =>
        verifyStore(config, { deep: options.deep ?? false, onProgress }),
      );
      print(options, report, () => describeReport(report));
      if (report.problems.length > 0) process.exitCode = 2;
    });

function describeReport({ artifacts, bytes, problems }: VerifyReport): string {
  const lines = problems.map(problem => `${problem.code.padEnd(16)} ${problem.what}: ${problem.detail}`);
  const verdict =
    problems.length === 0 ? 'all as the journal says' : `${problems.length} problem${problems.length === 1 ? '' : 's'}`;
  return [...lines, `${artifacts} artifacts, ${bytes} bytes: ${verdict}`].join('\n');
}
