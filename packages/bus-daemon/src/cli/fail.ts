import { inspect, styleText } from 'node:util';
import { orderFor } from '@quantbot/bus-format';
import { systemCodeOf } from '@quantbot/bus-format/duckdb-fault';
import { CodedError } from '@quantbot/infra';
import { visibleLines } from '@quantbot/infra/bus';

/** Prints an error for people (code, sentence, details, hint) and sets the exit code. */
export function failWith(error: unknown): void {
  process.exitCode = 1;
  const code = error instanceof CodedError ? error.code : systemCodeOf(error);
  if (code === undefined || !(error instanceof Error)) {
    console.error(visibleLines(inspect(error))); // an unexpected error: print its stack
    return;
  }
  const sentence = error.message.startsWith(`${code}: `) ? error.message.slice(code.length + 2) : error.message;
  console.error(`${styleText('redBright', code, { stream: process.stderr })}: ${visibleLines(sentence)}`);
  // The sentence of an error with one detail often has it already.
  const details = error instanceof CodedError ? error.details.filter(detail => !sentence.includes(detail)) : [];
  for (const detail of details) console.error(`  ${visibleLines(detail)}`);
  const hint =
    error instanceof CodedError ? error.hint : `${orderFor(error) ?? 'Fix the cause.'} Then run the command again.`;
  console.error(`${styleText('bold', 'Try:', { stream: process.stderr })} ${visibleLines(hint)}`);
}
