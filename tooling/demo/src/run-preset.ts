/** One simulation as a process of its own: reads the slice, simulates a preset, writes and submits, and waits for the receipt. */
import { parsePreset, readBars, SimulationArtifactWriter, simulate } from '@quantbot/lab';

interface Task {
  preset: unknown;
  runId: string;
  slicePath: string;
  sliceKey: string;
  outputDir: string;
  busRoot: string;
}

const { preset: input, runId, slicePath, sliceKey, outputDir, busRoot } = JSON.parse(process.argv[2] ?? '{}') as Task;
const preset = parsePreset(input);
const result = simulate(preset, await readBars(slicePath));
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
  inputs: [sliceKey],
  meta: { preset },
});
const receipt = await written.submission?.settled();
console.log(JSON.stringify({ summary: result.summary, seq: receipt?.seq, artifacts: receipt?.artifacts.length }));
