import { storageError } from '../errors.js';

/** The error of DuckDB for a longer text. */
export const tooLongText = 'a text has more than 512 MiB, too long for a string of JavaScript';

/** Returns the error of an answer that JavaScript cannot hold as text; undefined for others. */
export function tooLongError(cause: unknown): Error | undefined {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code !== 'ERR_STRING_TOO_LONG' && message !== 'Invalid string length' && !message.includes(tooLongText))
    return undefined;
  return storageError('ANSWER_TOO_LARGE', 'The answer has more text in one place than JavaScript can hold: 512 MiB.', {
    cause,
    hint: 'Select a part of each text, such as `left(text, 1000)`, or fewer rows. Parquet and Arrow hold longer texts.',
  });
}
