/**
 * Runs one simulation in its own process: finds its slice in the catalog, simulates a preset,
 * writes and submits the result, and waits for the receipt.
 */
import { parsePreset, readBarsFromCatalog, SimulationArtifactWriter, simulate } from '@quantbot/lab';
import { openCatalog } from '@quantbot/storage';

interface Task {
  preset: unknown;
  runId: string;
  /** The run of its slice. */
  sliceRunId: string;
  duckdbPath: string;
  outputDir: string;
  busRoot: string;
}

const {
  preset: input,
  runId,
  sliceRunId,
  duckdbPath,
  outputDir,
  busRoot,
} = JSON.parse(process.argv[2] ?? '{}') as Task;
const preset = parsePreset(input);
await using catalog = await openCatalog({ duckdbPath });
const slice = await readBarsFromCatalog(catalog, { runId: sliceRunId });
const result = simulate(preset, slice.bars);
const writer = new SimulationArtifactWriter({
  busRoot,
  requireBus: true,
  schemaHints: { fills: 'canon.sim_fills', positions: 'canon.sim_positions', events: 'canon.sim_events' },
});
const written = await writer.write({
  runId,
  presetName: preset.name,
  result,
  outputDir,
  inputs: [slice.key],
  parameters: { preset },
});
const receipt = await written.submission?.settled();
console.log(JSON.stringify({ summary: result.summary, seq: receipt?.seq, artifacts: receipt?.artifacts.length }));
