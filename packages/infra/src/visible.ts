/** Characters that steer a terminal, turn the direction of what follows, or are not seen at all. */
const hidden = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\u00ad\u200b\u2060-\u2064\ufeff\u{e0000}-\u{e007f}]/gu;

const shown = (character: string): string => `\\u{${character.codePointAt(0)?.toString(16)}}`;

/**
 * Returns a text of somebody else's as it can be shown anywhere: characters that steer a terminal,
 * turn the direction of what follows, or are not seen at all stand as `\u{202e}`.
 */
export const visible = (text: string): string => text.replace(hidden, shown);

/** {@link visible}, but line feeds and tabs stay: for a text of several lines. */
export const visibleLines = (text: string): string =>
  text.replace(hidden, character => (character === '\n' || character === '\t' ? character : shown(character)));

/**
 * Returns JSON text that holds the same values with every such character escaped as JSON does
 * (`\u202e`), so that it can be printed on a terminal and still be parsed.
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
 * Returns a line of JSON whose strings can be shown when it is parsed: the escapes of control
 * characters become text (`\\u{1b}`). For a program that prints what it parses.
 */
export const visibleOnceParsed = (json: string): string =>
  json
    .replace(/\\(?:u00([01][0-9a-f])|([\s\S]))/g, (sequence, code: string | undefined) =>
      code === undefined ? sequence : `\\\\u{${Number.parseInt(code, 16).toString(16)}}`,
    )
    .replace(hidden, character => (character === '\n' ? character : `\\${shown(character)}`));
