/**
 * `@quantbot/infra/files`: the durable file operations, without the rest of this package. A thread
 * that only works on files loads little.
 */
export { fileNames, stagedMark } from '../bus-layout.js';
export { systemErrorCode } from '../errors.js';
export { faultPoint } from '../fault-point.js';
export { inJobId } from '../ids.js';
export * from './copy.js';
export * from './digest.js';
export { flush, syncFile, syncFiles, syncFolder } from './flush.js';
export * from './names.js';
export * from './pinned-folder.js';
export { isNotRegular, readLoneFile, readSmall, readSmallFile, smallFileBytes } from './read-small.js';
export {
  makingWay,
  parseState,
  readState,
  replaceFile,
  stateText,
  writeState,
  writeStateDurable,
} from './state-file.js';
export * from './write.js';
