import type { Lines } from './lines.js';

const comment = /(?:\/\/|#|\/\*|--)[^\n]*?quantbot-bus-scan:\s*allow\s+(\S[^\n]*?)\s*(?:\*\/|\}|$)/;

/**
 * The reason of a comment that allows what stands on its line or on the next; a comment without a
 * reason allows nothing.
 */
export function allowedAt(lines: Lines, places: readonly number[]): string | undefined {
  for (const at of places) {
    const index = lines.indexOf(at);
    const reason = comment.exec(lines.line(index))?.[1] ?? alone(lines.line(index - 1));
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** A comment behind code of its own is about that code. */
const alone = (line: string): string | undefined =>
  /^\s*(?:\/\/|#|\/\*|--)/.test(line) ? comment.exec(line)?.[1] : undefined;
