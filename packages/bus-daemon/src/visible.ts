/**
 * A text of somebody else's that can be shown anywhere: characters that steer a terminal, turn the direction of what follows, or are not seen
 * at all stand as `\u{202e}`.
 */
export const visible = (text: string): string =>
  text.replace(
    /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}\u00ad\u200b\u2060-\u2064\ufeff\u{e0000}-\u{e007f}]/gu,
    character => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
