/** Returns the command that starts the daemon where this code is installed. */
export const startCommandOf = (url: string): string =>
  url.includes('/node_modules/') ? 'npx quantbot-bus start' : 'pnpm --filter bus-daemon start';

/** The command that starts the daemon: that of npm, or of a checkout. */
export const startCommand: string = startCommandOf(import.meta.url);
