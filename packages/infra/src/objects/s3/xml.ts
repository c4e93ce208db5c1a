const entities: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** Returns the text of the first element of this name. S3's answers have no attributes or CDATA. */
export function textOf(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replace(/&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g, (whole, hex, decimal, named) => {
    if (named !== undefined) return entities[named as string] ?? whole;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex as string, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/** Returns the content of each element of this name. They are not nested in one another. */
export const elementsOf = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, 'gs'))].map(match => match[1] ?? '');

/** Escapes text for an element. */
export const escaped = (text: string): string =>
  text.replace(/[<>&'"\p{Cc}\ufffe\uffff]/gu, character => `&#x${character.codePointAt(0)?.toString(16)};`);
