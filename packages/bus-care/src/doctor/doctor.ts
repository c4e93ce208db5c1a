import { BusError } from '@quantbot/infra';
import { findBusConfig } from '@quantbot/infra/config';
import { brokenConfiguration } from './checks/configuration.js';
import { checksEverywhere, checksOfMadeBus } from './checks.js';
import { examineBus } from './examined-bus.js';
import type { Finding } from './finding.js';
import { couldNot, guarded } from './guarded.js';

/** All findings of an examination. */
export interface DoctorReport {
  configPath: string | null;
  busRoot: string | null;
  problems: number;
  warnings: number;
  findings: Finding[];
}

/** The environment and clock of an examination; by default those of the process. */
export interface DoctorOptions {
  config?: string | undefined;
  env?: Readonly<Record<string, string | undefined>>;
  now?: number;
}

/**
 * Runs all checks on a bus and changes nothing. Safe beside a running daemon, and where none has
 * ever run.
 */
export async function examine({
  config: named,
  env = process.env,
  now = Date.now(),
}: DoctorOptions): Promise<DoctorReport> {
  const found = findConfig(named, env);
  if (found instanceof BusError) return reportOf(null, null, brokenConfiguration(found));
  const { config, path } = found;
  const place = { config, configPath: path, isNamed: named !== undefined, env, now };
  const examined = await examineBus(place).catch((error: unknown) => couldNot('bus', error));
  const findings: Finding[] = [];
  if ('code' in examined) findings.push(examined);
  else
    for (const [name, check] of Object.entries({ ...checksEverywhere, ...(examined.marker && checksOfMadeBus) }))
      findings.push(...(await guarded(name, check, examined)));
  return reportOf(path ?? null, config.busRoot, findings);
}

function findConfig(config: string | undefined, env: DoctorOptions['env'] & object) {
  try {
    return findBusConfig({ ...(config !== undefined && { config }), env });
  } catch (error) {
    if (error instanceof BusError) return error;
    throw error;
  }
}

/** Returns the report of these findings, with their counts. */
export function reportOf(configPath: string | null, busRoot: string | null, findings: Finding[]): DoctorReport {
  const count = (level: Finding['level']) => findings.filter(finding => finding.level === level).length;
  return { configPath, busRoot, problems: count('problem'), warnings: count('warning'), findings };
}
