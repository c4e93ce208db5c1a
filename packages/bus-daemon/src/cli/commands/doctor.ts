import { styleText } from 'node:util';
import { type DoctorReport, examine, type Finding, many } from '@quantbot/bus-care/doctor';
import { visibleLines } from '@quantbot/infra/bus';
import { type FoundConfig, findBusConfig } from '@quantbot/infra/config';
import { withClusterPackage } from '../../cluster-package.js';
import { type CommonOptions, jsonText } from '../shared.js';

/** `quantbot-bus doctor`: lists problems and their cures. Exit code 2 if there is a problem. */
export async function doctorCommand(options: CommonOptions): Promise<void> {
  const report = (await examineIfCluster(options)) ?? (await examine({ config: options.config }));
  console.log(options.json ? jsonText(report, 2) : describe(report, process.stdout.isTTY === true));
  if (report.problems > 0) process.exitCode = 2;
}

async function examineIfCluster({ config }: CommonOptions): Promise<DoctorReport | undefined> {
  const found = findConfig(config);
  if (found?.config.cluster === undefined) return undefined;
  const { examineCluster } = await withClusterPackage(() => import('@quantbot/bus-cluster/care'));
  return examineCluster(found.config.cluster, { config, configPath: found.path ?? null });
}

/** A configuration that cannot be read is a finding of its own. */
function findConfig(config: string | undefined): FoundConfig | undefined {
  try {
    return findBusConfig({ config });
  } catch {
    return undefined;
  }
}

const marks = {
  terminal: { ok: '✓', warning: '!', problem: '✗' },
  plain: { ok: 'ok     ', warning: 'warning', problem: 'PROBLEM' },
};
const colors = { ok: 'green', warning: 'yellow', problem: 'red' } as const;

function describe(report: DoctorReport, isTerminal: boolean): string {
  const mark = marks[isTerminal ? 'terminal' : 'plain'];
  const lines = report.findings.map(
    ({ level, check, code, what, cure }: Finding) =>
      `${styleText(colors[level], mark[level], { stream: process.stdout })} ${check.padEnd(13)} ${visibleLines(cure === null ? what : `${code}: ${what}\n  Try: ${cure}`)}`,
  );
  const { problems, warnings } = report;
  const verdict =
    problems + warnings === 0 ? 'all is well' : `${many(problems, 'problem')}, ${many(warnings, 'warning')}`;
  return [...lines, verdict].join('\n');
}
