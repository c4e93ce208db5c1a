import { inspect, styleText } from 'node:util';
import { CodedError, visibleLines } from '@quantbot/infra';
import { systemErrorCode } from '@quantbot/infra/files';

/**
 * Prints an error as people need it (code, sentence, details, what to do next) and sets the exit
 * code.
 */
export function failWith(error: unknown): void {
  process.exitCode = 1;
  const code = error instanceof CodedError ? error.code : systemErrorCode(error);
  if (code === undefined || !(error instanceof Error)) {
    console.error(visibleLines(inspect(error))); // nothing that we know: where it comes from is all that helps
    return;
  }
  console.error(`${styleText('redBright', code, { stream: process.stderr })}: ${visibleLines(error.message)}`);
  for (const detail of error instanceof CodedError ? error.details : []) console.error(`  ${visibleLines(detail)}`);
  const hint = error instanceof CodedError ? error.hint : 'Fix the cause, then run the command again.';
  console.error(`${styleText('bold', 'Try:', { stream: process.stderr })} ${visibleLines(hint)}`);
}
