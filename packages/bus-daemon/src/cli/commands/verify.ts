import type { Command } from 'commander';
import { type VerifyReport, verifyStore } from '../../care/verify-store.js';
import { busCommand, type CommonOptions, configOf, counter, print } from '../shared.js';

/** `quantbot-bus verify`: re-hashes the store against the journal. Exit code 2 when something is wrong. */
export const verifyCommand = (): Command =>
  busCommand('verify', 'Re-hash the whole store against the journal; find missing, changed and orphaned files.')
    .option('--deep', 'also decode every page of every artifact')
    .addHelpText(
      'after',
      '\nExit codes: 0 all is well, 2 something is wrong.\n\nExamples:\n  $ quantbot-bus verify\n  $ quantbot-bus verify --deep --json',
    )
    .action(async (options: CommonOptions & { deep?: boolean }) => {
      const report = await verifyStore(configOf(options), {
        deep: options.deep ?? false,
        onProgress: counter(options, 'jobs'),
      });
      print(options, report, () => describeReport(report));
      if (report.problems.length > 0) process.exitCode = 2;
    });

function describeReport({ artifacts, bytes, problems }: VerifyReport): string {
  const lines = problems.map(problem => `${problem.code.padEnd(10)} ${problem.what}: ${problem.detail}`);
  const verdict =
    problems.length === 0 ? 'all as the journal says' : `${problems.length} problem${problems.length === 1 ? '' : 's'}`;
  return [...lines, `${artifacts} artifacts, ${bytes} bytes: ${verdict}`].join('\n');
}
