import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import duckdb from '@duckdb/node-api';

/** The hardware and software of a measurement. */
export interface Machine {
  date: string;
  processor: string;
  cores: number;
  memoryGib: number;
  fileSystem: string;
  node: string;
  duckdb: string;
}

/** Describes this machine. `folder` is on the measured disk. */
export function machine(folder: string): Machine {
  return {
    date: new Date().toISOString().slice(0, 10),
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    fileSystem: execFileSync('df', ['--output=fstype', folder], { encoding: 'utf8' }).trim().split('\n').at(-1) ?? '',
    node: process.version,
    duckdb: duckdb.version(),
  };
}
