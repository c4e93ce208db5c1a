export { type LabCode, LabError, labCodes } from './errors.js';
export {
  type CompiledFeatures,
  type FeatureSet,
  FeatureSetCompiler,
  type FeatureSetCompilerOptions,
} from './features/FeatureSetCompiler.js';
export { type FeatureRow, featureRows } from './features/feature-rows.js';
export {
  defaultFeatureSettings,
  type FeatureSettings,
  featureSchema,
  parseFeatureSettings,
} from './features/settings.js';
export {
  drawdownFromPeak,
  exponentialMovingAverage,
  historicalVolatility,
  type Indicator,
  logReturn,
  simpleMovingAverage,
  simpleReturn,
} from './indicators.js';
export { type CatalogBars, readBars, readBarsFromCatalog } from './simulation/bars.js';
export { type Preset, type PresetInput, parsePreset, presetSchema } from './simulation/preset.js';
export {
  type Bar,
  type EquityPoint,
  type ExitReason,
  equitySchema,
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
export { makeStrategy, type Signal, type Strategy, type TokenSignal } from './simulation/strategy.js';
export { type Trade, tradeSchema, tradesOf } from './simulation/trades.js';
