/** `@quantbot/bus-format`: what all packages share: errors, SQL text, progress, versions. */
export { orClosed } from './closed-by-others.js';
export { allEnded, breathe, concurrently } from './concurrent.js';
export {
  type DaemonCode,
  DaemonError,
  daemonCodes,
  daemonError,
  dispositionOf,
  hintFor,
  ignoreMissing,
  isAboutAJob,
  isDamage,
  isMachineFault,
  orderFor,
  unlessUnreadable,
} from './errors.js';
export { locationOf } from './location.js';
export type { OnProgress, Progress } from './progress.js';
export { leftoversIn, removeTree } from './remove-tree.js';
export { dailyGrowth, type NamedSpace, readSpace, type Space, type SpaceUse } from './space.js';
export {
  type DeclaredColumn,
  foreignSchema,
  identifier,
  literal,
  literalList,
  nameBeside,
  schemaMap,
  selectList,
  sortTerm,
} from './sql.js';
export { userName } from './user-name.js';
export { sizeInWords } from './words.js';
