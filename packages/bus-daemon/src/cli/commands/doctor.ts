import type { Command } from 'commander';
import { type DoctorReport, examine } from '../../doctor/doctor.js';
import type { Finding } from '../../doctor/finding.js';
import { many } from '../../doctor/words.js';
import { busCommand, type CommonOptions, print } from '../shared.js';

/** `quantbot-bus doctor`: what is wrong, and what to do about it. Exit code 2 when something must be done. */
export const doctorCommand = (): Command =>
  busCommand('doctor', 'Look at the bus from all sides; say what is wrong and what to do. Changes nothing.')
    .addHelpText(
      'after',
      `
Exit codes: 0 all is well (there may be warnings), 2 there are problems, 1 doctor could not run.

Examples:
  $ quantbot-bus doctor
  $ quantbot-bus doctor --json | jq '.findings[] | select(.level != "ok")'`,
    )
    .action(async (options: CommonOptions) => {
      const report = await examine({ config: options.config });
      print(options, report, () => describe(report, process.stdout.isTTY === true));
      if (report.problems > 0) process.exitCode = 2;
    });

const marks = {
  terminal: { ok: '\u001B[32m✓\u001B[39m', warning: '\u001B[33m!\u001B[39m', problem: '\u001B[31m✗\u001B[39m' },
  plain: { ok: 'ok     ', warning: 'warning', problem: 'PROBLEM' },
};

function describe(report: DoctorReport, isTerminal: boolean): string {
  const mark = marks[isTerminal && !process.env.NO_COLOR ? 'terminal' : 'plain'];
  const lines = report.findings.map(
    ({ level, check, code, what, cure }: Finding) =>
      `${mark[level]} ${check.padEnd(13)} ${cure === null ? what : `${code}: ${what}\n  Try: ${cure}`}`,
  );
  const { problems, warnings } = report;
  const verdict =
    problems + warnings === 0 ? 'all is well' : `${many(problems, 'problem')}, ${many(warnings, 'warning')}`;
  return [...lines, verdict].join('\n');
}
