/**
 * Files that are no text, or not the text that was meant, by how they begin.
 *
 * @module
 */

/** How a kind of file begins, and what to do with it. */
interface Signature {
  readonly begins: string | readonly number[];
  /** Completes "it is …". */
  readonly what: string;
  readonly cure: string;
}

const UNPACK = "unpack it first";
const EXPORT = "export it as JSON lines or CSV first";

const SIGNATURES: readonly Signature[] = [
  { begins: [0x1f, 0x8b], what: "packed with gzip", cure: UNPACK },
  { begins: [0x28, 0xb5, 0x2f, 0xfd], what: "packed with zstd", cure: UNPACK },
  { begins: [0xfd, 0x37, 0x7a, 0x58, 0x5a], what: "packed with xz", cure: UNPACK },
  { begins: "BZh", what: "packed with bzip2", cure: UNPACK },
  { begins: "PK\x03\x04", what: "a ZIP archive or an office document", cure: UNPACK },
  { begins: "PAR1", what: "a Parquet file", cure: EXPORT },
  { begins: "ARROW1", what: "an Arrow file", cure: EXPORT },
  { begins: "SQLite format 3", what: "an SQLite database", cure: EXPORT },
  { begins: "%PDF-", what: "a PDF", cure: EXPORT },
  {
    begins: "version https://git-lfs",
    what: "a Git LFS pointer, not the file itself",
    cure: "get it with git lfs pull",
  },
  { begins: "<!doctype html", what: "an HTML page", cure: "download the file that it links to" },
  { begins: "<html", what: "an HTML page", cure: "download the file that it links to" },
];

/** What the file is instead of text, and the cure; absent = it may be text. */
export function describeSignature(head: Uint8Array): string | undefined {
  const start = new TextDecoder("latin1").decode(head.subarray(0, 64)).trimStart().toLowerCase();
  for (const { begins, what, cure } of SIGNATURES) {
    const found = typeof begins === "string"
      ? start.startsWith(begins.toLowerCase())
      : begins.every((byte, i) => head[i] === byte);
    if (found) return `it is ${what}: ${cure}`;
  }
  return head.includes(0) ? "it holds NUL bytes, so it is not a text file" : undefined;
}

/** The encoding's label where the bytes are UTF-16: by its mark, or by ASCII's zeros. */
export function utf16Label(head: Uint8Array): "utf-16le" | "utf-16be" | undefined {
  const [first, second, third, fourth] = head;
  if (first === 0xff && second === 0xfe) return "utf-16le";
  if (first === 0xfe && second === 0xff) return "utf-16be";
  if (first && second === 0 && third && fourth === 0) return "utf-16le";
  if (first === 0 && second && third === 0 && fourth) return "utf-16be";
  return undefined;
}
