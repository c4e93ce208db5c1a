import type { Lines } from './lines.js';

const comment = /(?:\/\/|#|\/\*|--)[^\n]*?quantbot-bus-scan:\s*allow\s+(\S[^\n]*?)\s*(?:\*\/|\}|$)/;

/**
 * Returns the reason in a comment that allows a finding on its line or the next one. A comment
 * without a reason allows nothing.
 */
export function allowedAt(lines: Lines, places: readonly number[]): string | undefined {
  for (const at of places) {
    const index = lines.indexOf(at);
    const reason = comment.exec(lines.line(index))?.[1] ?? alone(lines.line(index - 1));
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** Returns a line that is only a comment. A comment behind code belongs to that code. */
const alone = (line: string): string | undefined =>
  /^\s*(?:\/\/|#|\/\*|--)/.test(line) ? comment.exec(line)?.[1] : undefined;
