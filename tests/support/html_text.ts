/**
 * The words of a page.
 *
 * @module
 */

/** What a reader sees: no style, no script, no tags. */
export function textOf(page: string): string {
  return page.replace(/<(style|script)>[^]*?<\/\1>/g, " ").replace(/<[^>]*>/g, " ")
    .replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code)).replace(/\s+/g, " ");
}
