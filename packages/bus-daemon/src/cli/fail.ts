import { CodedError } from '@quantbot/infra';

/** Prints an error as people need it (code, sentence, details, what to do next) and sets the exit code. */
export function failWith(error: unknown): void {
  if (error instanceof CodedError) {
    console.error(`${error.code}: ${error.message}`);
    for (const detail of error.details) console.error(`  ${detail}`);
    console.error(`Try: ${error.hint}`);
  } else console.error(error);
  process.exitCode = 1;
}
