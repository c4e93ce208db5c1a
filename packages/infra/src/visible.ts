export { exactJson } from './exact-json.js';

/** Characters that steer a terminal, turn the direction of what follows, or are not seen at all. */
const hidden = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\u00ad\u200b\u2060-\u2064\ufeff\u{e0000}-\u{e007f}]/gu;

const shown = (character: string): string => `\\u{${character.codePointAt(0)?.toString(16)}}`;

/**
 * Makes foreign text safe to print. Characters that control a terminal, change the direction of
 * text, or are invisible become `\u{202e}`.
 */
export const visible = (text: string): string => text.replace(hidden, shown);

/** {@link visible} for several lines: line feeds and tabs stay. */
export const visibleLines = (text: string): string =>
  text.replace(hidden, character => (character === '\n' || character === '\t' ? character : shown(character)));

/**
 * Returns JSON with the same values, in which every such character is escaped (`\u202e`). It can be
 * printed on a terminal and still be parsed.
 */
export const visibleJson = (json: string): string =>
  json.replace(hidden, character =>
    character === '\n' || character === '\t'
      ? character
      : [...Array(character.length).keys()]
          .map(index => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
          .join(''),
  );

/**
 * Returns a line of JSON whose strings are safe to print after parsing: escapes of control
 * characters become text (`\\u{1b}`).
 */
export const visibleOnceParsed = (json: string): string =>
  json
    .replace(/\\(?:u00([01][0-9a-f])|([\s\S]))/g, (sequence, code: string | undefined) =>
      code === undefined ? sequence : `\\\\u{${Number.parseInt(code, 16).toString(16)}}`,
    )
    .replace(hidden, character => (character === '\n' ? character : `\\${shown(character)}`));
