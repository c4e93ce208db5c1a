/**
 * The longest text, in bytes, that is always a string of JavaScript. V8 ends the process for one of
 * 2 GiB.
 */
export const maxTextBytes = 0x1fffffe8;
