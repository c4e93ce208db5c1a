import { type VerifyReport, verifyStore } from '@quantbot/bus-care/verify';
import { withProgress } from '../progress.js';
import { type CommonOptions, openedBus, print } from '../shared.js';

/**
 * `quantbot-bus verify`: re-hashes the store against the journal, and the daemon's own files
 * against their checksums. Exit code 2 when something is wrong.
 */
export async function verifyCommand(options: CommonOptions & { deep?: boolean }): Promise<void> {
  const config = await openedBus(options);
  const report = await withProgress(options, onProgress =>
    verifyStore(config, { deep: options.deep ?? false, onProgress }),
  );
  print(options, report, () => describeReport(report));
  if (report.problems.length > 0) process.exitCode = 2;
}

function describeReport({ artifacts, bytes, problems }: VerifyReport): string {
  const lines = problems.map(problem => `${problem.code.padEnd(16)} ${problem.what}: ${problem.detail}`);
  const verdict =
    problems.length === 0
      ? 'every file matches the journal'
      : `${problems.length} problem${problems.length === 1 ? '' : 's'}`;
  return [...lines, `${artifacts} artifacts, ${bytes} bytes: ${verdict}`].join('\n');
}
