/** `@quantbot/bus-care/forget`: which artifacts can be forgotten, and what becomes of each. */
export { decideKey, type ForgetDecision, type ForgetManner } from './outcome.js';
export { partsOf, previewForget } from './preview.js';
export { keysOfRule, keysOfRun, type SelectableJournal } from './select.js';
