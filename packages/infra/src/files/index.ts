/**
 * `@quantbot/infra/files`: the file work that the bus's promises rest on, without anything else of
 * this package, so that a thread that does nothing but this loads little.
 */
export { fileNames, stagedMark } from '../bus-layout.js';
export { systemErrorCode } from '../errors.js';
export { faultPoint } from '../fault-point.js';
export * from './copy.js';
export * from './digest.js';
export { flush, syncFile, syncFiles, syncFolder } from './flush.js';
export * from './names.js';
export * from './pinned-folder.js';
export { isNotRegular, readLoneFile, readSmall, readSmallFile, smallFileBytes } from './read-small.js';
export * from './write.js';
