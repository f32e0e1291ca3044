/**
 * Latin-1, the encoding of HTTP/1 headers: each byte is the character of the same number. For short
 * texts a loop is cheaper than a `TextDecoder`.
 *
 * @module
 */

/** The text of `bytes[from, to)`. */
export function decodeLatin1(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let at = from; at < to; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}

/** The bytes of a text whose characters are all below U+0100. */
export function encodeLatin1(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
