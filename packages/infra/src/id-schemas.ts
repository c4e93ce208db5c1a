import * as z from 'zod';
import { idPattern, maxIdLength } from './ids.js';

/** The schema of an id. An id can be a file name on any system, and never leaves its folder. */
export const idSchema = z
  .string()
  .max(maxIdLength, `must have at most ${maxIdLength} characters`)
  .regex(idPattern, 'must be letters, digits, dot, underscore or hyphen, starting with a letter or digit');

const idInKey = `[A-Za-z0-9][A-Za-z0-9._-]{0,${maxIdLength - 1}}`;

/** The schema of a key in a manifest's `inputs`. */
export const artifactKeySchema = z
  .string()
  .regex(new RegExp(`^${idInKey}(/${idInKey}){3}$`), 'must be run_id/producer/kind/artifact_id');

/** The name of a canonical table. */
export const tableNameSchema = z
  .string()
  .regex(/^[a-z_][a-z0-9_]{0,62}$/, 'must be the name of a canonical table, in lower case and without `canon.`')
  .describe('The canonical table: `trades` for `canon.trades`.');
