import { type BusConfig, findBusConfig } from '@quantbot/infra';
import { Command } from 'commander';

/** Options that every command has. */
export interface CommonOptions {
  config?: string;
  json?: boolean;
}

/** A command with `--config` and `--json`. */
export const busCommand = (name: string, description: string): Command =>
  new Command(name)
    .description(description)
    .option('-c, --config <file>', 'bus_config.json (else QUANTBOT_BUS_CONFIG, else the nearest one upwards)')
    .option('--json', 'print JSON');

/** The configuration that a command works with. */
export const configOf = (options: CommonOptions): BusConfig => findBusConfig({ config: options.config }).config;

/** Prints a result: as JSON, or as lines for people. */
export function print(options: CommonOptions, result: unknown, describe: () => string): void {
  console.log(options.json ? JSON.stringify(result, null, 2) : describe());
}

const unitsMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a duration such as `30d`, `12h`, `90s`; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+)([smhd])$/.exec(text);
  return match === null ? undefined : Number(match[1]) * (unitsMs[match[2] as string] as number);
}

/** Counts on one line of a terminal, and says nothing anywhere else; every so many, and the last. */
export function counter({ json }: CommonOptions, noun: string, every = 1): (done: number, total: number) => void {
  if (json || !process.stderr.isTTY) return () => {};
  return (done, total) => {
    if (done % every === 0 || done === total)
      process.stderr.write(`\r${done} of ${total} ${noun}${done === total ? '\n' : ''}`);
  };
}

/** For `--option a --option b`: all values, in order. */
export const collect = (value: string, before: readonly string[]): string[] => [...before, value];
