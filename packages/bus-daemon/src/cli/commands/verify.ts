import { type ErasedReport, type VerifyReport, verifyErased, verifyStore } from '@quantbot/bus-care/verify';
import type { OnProgress } from '@quantbot/bus-format';
import { withClusterPackage } from '../../cluster-package.js';
import { withProgress } from '../progress.js';
import { type CommonOptions, configOf, openedBus, print } from '../shared.js';

/**
 * `quantbot-bus verify`: re-hashes the store against the journal, and the daemon's own files
 * against their checksums. Exit code 2 if there is a problem.
 */
export async function verifyCommand(options: CommonOptions & { deep?: boolean; erased?: string }): Promise<void> {
  if (options.erased !== undefined) return verifyErasedCommand(options, options.erased);
  const report = await withProgress(options, onProgress => verifyBus(options, onProgress));
  print(options, report, () => describeReport(report));
  if (report.problems.length > 0) process.exitCode = 2;
}

const whyOld = 'Files of old generations go once no reader holds them; quantbot-bus doctor names who does';

/** `quantbot-bus verify --erased KEY`: searches every file of the bus for an erased artifact. */
async function verifyErasedCommand(options: CommonOptions, key: string): Promise<void> {
  const report = await erasedReport(options, key);
  const inCluster = configOf(options).cluster !== undefined;
  print(options, report, () => {
    const lines = report.problems.map(({ what, detail }) => `${what}: ${detail}`);
    const verdict = report.problems.length === 0 ? `no file of the bus holds ${key}` : `${key} is not erased yet`;
    const why = report.problems.length === 0 || inCluster ? '' : `. ${whyOld}`;
    return [...lines, `${report.files} files: ${verdict}${why}`, ...describeReaders(report)].join('\n');
  });
  if (report.problems.length > 0) process.exitCode = 2;
}

async function erasedReport(options: CommonOptions, key: string): Promise<ErasedReport> {
  const { cluster } = configOf(options);
  if (cluster === undefined) return verifyErased(await openedBus(options), key);
  const { verifyClusterErased } = await withClusterPackage(() => import('@quantbot/bus-cluster/care'));
  return verifyClusterErased(cluster, key);
}

/** Old files outlive their names while a process has them open. */
function describeReaders({ oldFiles }: ErasedReport): string[] {
  if (oldFiles === undefined) return [];
  const { readers, unseen } = oldFiles;
  if (unseen === undefined)
    return ['this system has no /proc, so programs that still have old files open cannot be named'];
  return [
    ...readers.map(({ pid, name, files }) => `process ${pid} (${name}) still has old files open: ${files.join(', ')}`),
    ...(unseen > 0
      ? [`this user may not look into ${unseen} other processes; run the command as root to see all`]
      : []),
  ];
}

async function verifyBus(
  { config: path, deep = false, ...options }: CommonOptions & { deep?: boolean },
  onProgress: OnProgress,
): Promise<VerifyReport> {
  const { cluster } = configOf({ config: path });
  if (cluster === undefined) return verifyStore(await openedBus({ ...options, config: path }), { deep, onProgress });
  const { verifyCluster } = await withClusterPackage(() => import('@quantbot/bus-cluster/care'));
  return verifyCluster(cluster, { config: path, deep, onProgress });
}

function describeReport({ artifacts, bytes, problems }: VerifyReport): string {
  const lines = problems.map(problem => `${problem.code.padEnd(16)} ${problem.what}: ${problem.detail}`);
  const verdict =
    problems.length === 0
      ? 'every file matches the journal'
      : `${problems.length} problem${problems.length === 1 ? '' : 's'}`;
  return [...lines, `${artifacts} artifacts, ${bytes} bytes: ${verdict}`].join('\n');
}
