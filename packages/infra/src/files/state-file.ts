import { hash } from 'node:crypto';
import { renameSync } from 'node:fs';
import type * as z from 'zod';
import { BusError, systemErrorCode } from '../errors.js';
import { isNotRegular, readSmallFile } from './read-small.js';
import { writeFileAtomic, writeFileDurable } from './write.js';

const checkOf = (state: object): string => hash('sha256', JSON.stringify(state));

/** Returns the text of a state file: JSON with a checksum of everything else in `check`. */
export const stateText = (state: object, indent = 2): string =>
  `${JSON.stringify({ ...state, check: checkOf(state) }, null, indent)}\n`;

/**
 * Parses a {@link stateText}. Returns undefined if the text is damaged: not JSON, not of the
 * schema, or other than its checksum says. A text without a checksum comes from an earlier version,
 * and has no field that the schema does not know.
 */
export function parseState<Shape extends z.core.$ZodLooseShape>(
  text: string,
  schema: z.ZodObject<Shape>,
): z.output<z.ZodObject<Shape>> | undefined {
  const content = safeJson(text);
  if (typeof content !== 'object' || content === null || Array.isArray(content)) return undefined;
  const { check, ...state } = content as Record<string, unknown>;
  if (check === undefined) return schema.strict().safeParse(state).data as z.output<z.ZodObject<Shape>> | undefined;
  return check === checkOf(state) ? schema.safeParse(state).data : undefined;
}

/**
 * Reads a state file. `damaged` also stands for anything but a regular file in its place.
 *
 * @throws system errors as they come.
 */
export function readState<Shape extends z.core.$ZodLooseShape>(
  path: string,
  schema: z.ZodObject<Shape>,
): z.output<z.ZodObject<Shape>> | 'missing' | 'damaged' {
  try {
    const bytes = readSmallFile(path, Number.MAX_SAFE_INTEGER, { followLinks: true });
    return parseState(bytes.toString('utf8'), schema) ?? 'damaged';
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') return 'missing';
    if (error instanceof BusError || isNotRegular(error)) return 'damaged';
    throw error;
  }
}

/** {@link writeFileDurable} for a state file. A folder in its place is moved aside. */
export const writeStateDurable = (path: string, state: object, indent?: number): Promise<void> =>
  makingWay(path, () => writeFileDurable(path, stateText(state, indent)));

/** {@link writeStateDurable} without flushes, for what can be rebuilt. */
export const writeState = (path: string, state: object): void => replaceFile(path, stateText(state));

/** {@link writeFileAtomic} that moves a folder at the path aside. */
export function replaceFile(path: string, text: string): void {
  try {
    writeFileAtomic(path, text);
  } catch (error) {
    makeWay(path, error);
    writeFileAtomic(path, text);
  }
}

/**
 * Runs `write`, which puts a file at the path. A folder there is moved aside, to
 * `<path>.damaged-<milliseconds>`.
 */
export async function makingWay(path: string, write: () => Promise<void>): Promise<void> {
  await write().catch(error => {
    makeWay(path, error);
    return write();
  });
}

/** Keep the folder: it may hold something of value to someone. */
function makeWay(path: string, error: unknown): void {
  if (systemErrorCode(error) !== 'EISDIR') throw error;
  renameSync(path, `${path}.damaged-${Date.now()}`);
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
