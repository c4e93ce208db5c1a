export { type LabCode, LabError, labCodes } from './errors.js';
export { type CatalogBars, readBars, readBarsFromCatalog } from './simulation/bars.js';
export { type Preset, parsePreset, presetSchema } from './simulation/preset.js';
export {
  type Bar,
  type ExitReason,
  eventSchema,
  type Fill,
  fillSchema,
  type PositionSnapshot,
  positionSchema,
  type SimulationEvent,
  type SimulationResult,
  type SimulationSummary,
} from './simulation/records.js';
export {
  type SimulationArtifacts,
  SimulationArtifactWriter,
  type SimulationArtifactWriterOptions,
  type WrittenSimulation,
} from './simulation/SimulationArtifactWriter.js';
export { simulate } from './simulation/simulate.js';
export { makeStrategy, type Signal, type Strategy } from './simulation/strategy.js';
