export { Gauges } from './gauges.js';
export { History, quantile } from './history.js';
export { createMetrics } from './metrics.js';
