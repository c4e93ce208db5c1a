const armed = process.env.QUANTBOT_FAULT_POINT;
const [, manner, armedName, armedHit] = /^(?:(hang|freeze):)?([^#]+)(?:#(\d+))?$/.exec(armed ?? '') ?? [];
let hitsLeft = Number(armedHit ?? 1);

/**
 * A named moment at which the fault harness can kill the process.
 * `QUANTBOT_FAULT_POINT=<name>[#<n>]` sends SIGKILL when the process passes the point for the n-th
 * time. `hang:<name>` makes it hang there, as in a file system that does not answer, and
 * `freeze:<name>` sends SIGSTOP, from which it can be woken. Costs one comparison if nothing is
 * armed.
 */
export function faultPoint(name: string): void {
  if (armedName === undefined || armedName !== name) return;
  if (--hitsLeft !== 0) return;
  if (manner === 'freeze') return void process.kill(process.pid, 'SIGSTOP');
  if (manner !== 'hang') process.kill(process.pid, 'SIGKILL');
  // Block until the signal arrives, so that nothing after this point runs.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
}
