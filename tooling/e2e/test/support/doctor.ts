import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DoctorReport, Finding } from '@quantbot/bus-care/doctor';
import { startChild } from '@quantbot/tooling-testing/child';
import { eventually } from '@quantbot/tooling-testing/eventually';
import type { TestBus } from '@quantbot/tooling-testing/test-bus';
import { expect } from 'vitest';
import { cliPath, type DaemonProcess, quantbotBus, spawnDaemon } from './daemon-process.js';

/** The findings of `quantbot-bus doctor --json`. */
export interface Examination {
  code: number | null;
  /** The codes of all findings but `OK`, in the order of the output. */
  codes: string[];
  /** Returns the only finding with this code. */
  the(code: string): Finding & { cure: string };
  report: DoctorReport;
}

/** Runs the built doctor on a bus. */
export async function doctor(bus: TestBus): Promise<Examination> {
  const { code, stdout, stderr } = await quantbotBus(bus, 'doctor', '--json');
  expect(stderr).toBe('');
  return examination(JSON.parse(stdout) as DoctorReport, code);
}

/** Prepares a report for tests. */
export function examination(report: DoctorReport, code: number | null = null): Examination {
  const findings = report.findings.filter(({ level }) => level !== 'ok');
  for (const { what, cure } of findings)
    expect({ what, cure }).toEqual({
      what: expect.stringMatching(/\w{3} .*\w/),
      cure: expect.stringMatching(/\w{3} /),
    });
  return {
    code,
    codes: findings.map(finding => finding.code),
    the: wanted => {
      const [found, ...more] = findings.filter(finding => finding.code === wanted);
      expect({ wanted, found: found?.code, more }).toEqual({ wanted, found: wanted, more: [] });
      return found as Finding & { cure: string };
    },
    report,
  };
}

/** Returns the command lines in a cure. */
export const commandsIn = (cure: string): string[] =>
  [...cure.matchAll(/`([^`]+)`/g)].map(([, command]) => command as string);

/**
 * Runs a command line of a cure, like an operator. For `quantbot-bus start` it returns the daemon.
 */
export async function follow(bus: TestBus, command: string | undefined): Promise<DaemonProcess | undefined> {
  if (command === undefined) throw new Error('The cure names no such command.');
  if (/^quantbot-bus start( |$)/.test(command)) return spawnDaemon(bus);
  if (new RegExp(`^kill .*\\b${process.pid}\\b`).test(command))
    throw new Error('The daemon that the cure ends is this process: the test needs spawnDaemon.');
  const child = startChild('sh', ['-c', command], bus.folder, { PATH: `${binFolder(bus)}:${process.env.PATH}` });
  const { code } = await child.ended;
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${child.stderr()}`);
  const killed = /^kill (?:-9 )?(\d+)$/.exec(command)?.[1];
  if (killed !== undefined)
    await eventually(
      () => isRunning(Number(killed)),
      running => !running,
    );
  return undefined;
}

/** Creates a folder for PATH with `quantbot-bus`, and with a `sudo` for machines without one. */
function binFolder({ folder }: TestBus): string {
  const bin = join(folder, 'bin');
  if (existsSync(bin)) return bin; // a running program may not be overwritten
  mkdirSync(bin);
  writeFileSync(join(bin, 'quantbot-bus'), `#!/bin/sh\nexec "${process.execPath}" "${cliPath}" "$@"\n`, {
    mode: 0o755,
  });
  const asUser = 'user=$(echo "$2" | tr -d "#"); shift 2; exec setpriv --reuid "$user" --clear-groups "$@"';
  const sudo = `#!/bin/sh\n[ "$1" = -u ] || exec "$@"\n${asUser}\n`;
  writeFileSync(join(bin, 'sudo'), sudo, { mode: 0o755 });
  return bin;
}

/** Runs all command lines of a cure, one after the other. Returns the daemon that they start. */
export async function followAll(bus: TestBus, cure: string): Promise<DaemonProcess> {
  const daemons: (DaemonProcess | undefined)[] = [];
  for (const command of commandsIn(cure)) daemons.push(await follow(bus, command));
  const started = daemons.find(daemon => daemon !== undefined);
  if (started === undefined) throw new Error(`Nothing was started by: ${cure}`);
  return started;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
