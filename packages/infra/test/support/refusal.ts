import { parseBusConfig } from '../../src/config/config.js';
import { BusError } from '../../src/errors.js';

/** The refusal of a configuration's text. */
export function refusalOf(config: unknown): BusError {
  try {
    parseBusConfig(typeof config === 'string' ? config : JSON.stringify(config), '/srv/lab/bus_config.json');
  } catch (error) {
    if (error instanceof BusError) return error;
    throw error;
  }
  throw new Error('the configuration was taken');
}
