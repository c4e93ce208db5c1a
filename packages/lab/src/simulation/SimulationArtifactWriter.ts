import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exactJson } from '@quantbot/infra';
import { type BusPolicy, collectProvenance, type Submission, submitOrKeep } from '@quantbot/infra/utils';
import { writeParquet } from '@quantbot/storage';
import { version } from '../version.js';
import {
  eventSchema,
  type Fill,
  fillSchema,
  type PositionSnapshot,
  positionSchema,
  type SimulationEvent,
  type SimulationResult,
} from './records.js';

/** The options of a writer. */
export interface SimulationArtifactWriterOptions extends BusPolicy {
  /** The default is `QUANTBOT_BUS_ROOT`, the nearest `bus_config.json`, then `data/bus`. */
  busRoot?: string;
  /**
   * Hints of the three artifacts. The defaults (`simulation.fills` and so on) are only recorded in
   * the catalog. `canon.<table>` adds the rows to a canonical table.
   */
  schemaHints?: { fills?: string; positions?: string; events?: string };
}

/** The simulation to write. */
export interface SimulationArtifacts {
  runId: string;
  presetName: string;
  result: SimulationResult;
  /** The folder of the local files. */
  outputDir: string;
  /** Keys of the artifacts that the simulation read: its slice. */
  inputs?: readonly string[];
  /** Parameters of the simulation, such as its preset: part of the provenance. */
  parameters?: Record<string, unknown>;
  /**
   * Replaces the provenance that is collected by default: commit, parameters, versions.
   */
  provenance?: Record<string, unknown>;
  /** Stored with each artifact, in addition to the preset's name. */
  meta?: Record<string, unknown>;
}

/** A written simulation. */
export interface WrittenSimulation {
  fillsPath: string;
  positionsPath: string;
  eventsPath: string;
  summaryPath: string;
  /** Undefined if the bus could not take them. The local files exist either way. */
  submission: Submission | undefined;
}

/**
 * Writes the artifacts of a simulation (`fills.parquet`, `positions.parquet`, `events.parquet`,
 * `sim.summary.json`) and submits the three Parquet files to the bus as one job: they become
 * visible together, as `run_id/simulation/<kind>/<kind>`.
 *
 * @example
 * const writer = new SimulationArtifactWriter();
 * const outputDir = 'out/run-1';
 * const written = await writer.write({ runId: 'run-1', presetName: 'trend', result, outputDir });
 * await written.submission?.settled();
 */
export class SimulationArtifactWriter {
  readonly #options: SimulationArtifactWriterOptions;

  constructor(options: SimulationArtifactWriterOptions = {}) {
    this.#options = options;
  }

  /**
   * Writes and submits one simulation.
   *
   * @throws BusError if the bus refuses the artifacts, or (with `requireBus`) is not available.
   */
  async write(simulation: SimulationArtifacts): Promise<WrittenSimulation> {
    const { runId, presetName, result, outputDir, inputs, meta } = simulation;
    await mkdir(outputDir, { recursive: true });
    const fillsPath = await this.writeFillsParquet(outputDir, result.fills);
    const positionsPath = await this.writePositionsParquet(outputDir, result.positions);
    const eventsPath = await this.writeEventsParquet(outputDir, result.events);
    const summaryPath = join(outputDir, 'sim.summary.json');
    await writeFile(summaryPath, `${exactJson({ runId, ...result.summary }, 2)}\n`);
    const { busRoot, schemaHints = {}, ...policy } = this.#options;
    const artifact = (kind: 'fills' | 'positions' | 'events', parquetPath: string, rows: number) => ({
      kind,
      artifactId: kind,
      parquetPath,
      rows,
      schemaHint: schemaHints[kind] ?? `simulation.${kind}`,
      meta: { ...meta, presetName },
    });
    const submission = await submitOrKeep(
      {
        runId,
        producer: 'simulation',
        kind: 'simulation',
        inputs,
        provenance: simulation.provenance ?? (await provenanceOf(simulation)),
        busRoot,
        meta: { presetName, summary: result.summary },
        artifacts: [
          artifact('fills', fillsPath, result.fills.length),
          artifact('positions', positionsPath, result.positions.length),
          artifact('events', eventsPath, result.events.length),
        ],
      },
      policy,
    );
    return { fillsPath, positionsPath, eventsPath, summaryPath, submission };
  }

  /** Writes `fills.parquet`; without fills it still has its columns. */
  async writeFillsParquet(outputDir: string, fills: readonly Fill[]): Promise<string> {
    return write(join(outputDir, 'fills.parquet'), fills, fillSchema);
  }

  /** Writes `positions.parquet`. */
  async writePositionsParquet(outputDir: string, positions: readonly PositionSnapshot[]): Promise<string> {
    return write(join(outputDir, 'positions.parquet'), positions, positionSchema);
  }

  /** Writes `events.parquet`. */
  async writeEventsParquet(outputDir: string, events: readonly SimulationEvent[]): Promise<string> {
    return write(join(outputDir, 'events.parquet'), events, eventSchema);
  }
}

const provenanceOf = ({ presetName, parameters }: SimulationArtifacts) =>
  collectProvenance({ parameters: { presetName, ...parameters }, tools: { '@quantbot/lab': version } });

async function write(path: string, rows: readonly object[], schema: Record<string, string>): Promise<string> {
  await writeParquet(path, rows as readonly Record<string, unknown>[], schema);
  return path;
}
