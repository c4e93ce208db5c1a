export { serve } from './serve.js';
export type {
  BusEvents,
  ExportRun,
  RunState,
  SettledBatch,
  SettledJob,
  StageName,
} from './view/events.js';
export type { ExportState } from './view/export-state.js';
export type { LoopHealth, LoopView } from './view/loop-view.js';
export type {
  Onlooker,
  Totals,
  VisibleBus,
  VisibleCluster,
  VisibleMachine,
  VisibleRejections,
} from './view/visible-bus.js';
