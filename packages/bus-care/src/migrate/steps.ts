import type { BusLayout } from '@quantbot/infra/bus';

/** A change of the layout, from one version to the next. */
export interface LayoutStep {
  /** The version that it changes. Afterwards the bus has the next one. */
  from: number;
  /** What it does, for people: "Move the receipts into one file per day." */
  what: string;
  /** Changes the bus. A step that was interrupted runs again, from its start. */
  run(layout: BusLayout): Promise<void>;
}

/** The steps of this version, oldest first. None yet: every version so far writes layout 1. */
export const layoutSteps: readonly LayoutStep[] = [];
