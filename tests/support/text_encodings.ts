/**
 * Ways in which programs write the text of others.
 *
 * @module
 */

/** `&#x27;` and the like for everything but letters and digits. */
export function encodeHtml(text: string): string {
  return text.replace(/[^\w]/g, (one) => one === "&" ? "&amp;" : `&#${one.charCodeAt(0)};`);
}

/** `\u0061` for every UTF-16 unit. */
export function encodeUnicode(text: string): string {
  return text.replace(/[^]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Base64 of its UTF-8. */
export function encodeBase64Text(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

/** `%61` for every character that Latin-1 has; UTF-8 for others. */
export function encodePercent(text: string): string {
  return text.replace(/[^]/g, (one) => {
    const code = one.charCodeAt(0);
    return code > 0xff ? encodeURIComponent(one) : `%${code.toString(16).padStart(2, "0")}`;
  });
}
