import type { LoopView, Onlooker, VisibleBus } from '@quantbot/bus-http';

/** Starts an onlooker. If it fails to start, it leaves nothing open. */
export type StartOnlooker = (bus: VisibleBus, loop: LoopView) => Promise<Onlooker>;
