const armed = process.env.QUANTBOT_FAULT_POINT;
const hangs = armed?.startsWith('hang:') ?? false;
const [armedName, armedHit] = armed?.replace(/^hang:/, '').split('#') ?? [];
let hitsLeft = Number(armedHit ?? 1);

/**
 * A named moment at which the fault harness can kill the process.
 * `QUANTBOT_FAULT_POINT=<name>[#<n>]` sends SIGKILL when the process passes the point for the n-th
 * time. `hang:<name>` makes it hang there, as in a file system that does not answer. Costs one
 * comparison if nothing is armed.
 */
export function faultPoint(name: string): void {
  if (armedName === undefined || armedName !== name) return;
  if (--hitsLeft > 0) return;
  if (!hangs) process.kill(process.pid, 'SIGKILL');
  // Block until the signal arrives, so that nothing after this point runs.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
}
