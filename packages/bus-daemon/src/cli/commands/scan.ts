import type { Finding, ScanOptions, ScanReport } from '@quantbot/bus-migrate/scan';
import type { Command } from 'commander';
import { withProgress } from '../progress.js';
import { print } from '../shared.js';
import { tableOf } from '../table.js';

interface Options extends ScanOptions {
  json?: boolean;
  all?: boolean;
}

/**
 * `quantbot-bus scan`: lists code that writes DuckDB or Parquet directly. Exit code 2 if there are
 * new places.
 */
export async function scanCommand(paths: string[], options: Options, command: Command): Promise<void> {
  if (options.updateBaseline && options.baseline === undefined)
    return command.error('error: --update-baseline needs --baseline FILE');
  const { scan } = await import('@quantbot/bus-migrate/scan'); // the other commands need no parsers
  const report = await withProgress(options, onProgress =>
    scan(paths.length > 0 ? paths : ['.'], {
      ...options,
      onProgress: (done, total) => onProgress({ done, total, unit: 'files' }),
    }),
  );
  const findings = options.all ? report.findings : report.findings.filter(({ state }) => state === 'found');
  print(options, { ...report, findings }, () => describe(findings, report, options));
  if (report.counts.found > 0) process.exitCode = 2;
}

function describe(findings: readonly Finding[], report: ScanReport, { all }: Options): string {
  const files = new Map<string, Finding[]>();
  for (const finding of findings) files.set(finding.file, [...(files.get(finding.file) ?? []), finding]);
  const blocks = [...files].map(([file, own]) => `${file}\n${describePlaces(own)}`);
  const advice = [
    ...new Map(
      findings.filter(({ state }) => state === 'found').map(each => [`${each.step} ${each.rule}`, each]),
    ).values(),
  ]
    .sort((one, another) => one.step - another.step)
    .map(({ step, rule, advice }) => `step ${step}  ${rule}: ${advice}`);
  return [
    ...blocks,
    ...(advice.length > 0 ? [advice.join('\n')] : []),
    [...(all ? report.notes : []), summary(report)].join('\n'),
  ].join('\n\n');
}

function describePlaces(findings: readonly Finding[]): string {
  const rows = findings.map(({ line, cell, rule, step, excerpt, state, reason }) => {
    const place = cell === undefined ? `${line}` : `cell ${cell}, ${line}`;
    const more = state === 'found' ? '' : `  (${state}${reason === undefined ? '' : `: ${reason}`})`;
    return [place, rule, step, `${excerpt.length > 80 ? `${excerpt.slice(0, 79)}…` : excerpt}${more}`];
  });
  return tableOf(['line', 'rule', 'step', 'code'], rows);
}

const many = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

function summary({ files, testsLeftOut, counts, gone, notes }: ScanReport): string {
  const aside = [
    counts.migrated > 0 && `${counts.migrated} migrated`,
    counts.allowed > 0 && `${counts.allowed} allowed`,
    counts.known > 0 && `${counts.known} in the baseline`,
    gone > 0 && `${gone} of the baseline no longer found (--update-baseline)`,
    notes.length > 0 && `${many(notes.length, 'file')} not read in full (--all says which)`,
    testsLeftOut > 0 && `${many(testsLeftOut, 'test file')} left out (--tests)`,
  ].filter(text => text !== false);
  const found = counts.found === 0 ? 'no direct writes' : many(counts.found, 'direct write');
  return `${many(files, 'file')}: ${[found, ...aside].join(', ')}`;
}
