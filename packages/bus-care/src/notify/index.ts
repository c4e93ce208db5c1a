/** `@quantbot/bus-care/notify`: writes notifications and delivers them to commands and webhooks. */
export { DeliveryError } from './delivery-error.js';
export type { Happening, RejectedJob } from './happening.js';
export { Hook } from './hook.js';
export { postWebhook } from './post-webhook.js';
export { type HookTest, testHooks } from './test-hooks.js';
export { missingVariables, type Variables, withVariables } from './variables.js';
