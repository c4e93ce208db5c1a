import { hostname } from 'node:os';
import { userName } from '@quantbot/bus-format';

/** Returns the user and the machine, for the journal. */
export const whoAsks = (): string => `${userName()}@${hostname()}`;
