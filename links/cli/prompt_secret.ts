/**
 * Asks for a secret without showing it.
 *
 * @module
 */

/** How the prompt behaves. */
export interface PromptSecretOptions {
  /** Printed for each character; `""` prints nothing. */
  mask?: string;
  /** Remove the line afterwards. */
  clear?: boolean;
}

const ENTER: readonly number[] = [10, 13];
const ERASE: readonly number[] = [8, 127];

/** Reads one line from the terminal, masked; `null` when stdin is not a terminal. */
export function promptSecret(
  message = "Secret",
  options: PromptSecretOptions = {},
): string | null {
  const { mask = "*", clear = false } = options;
  if (!Deno.stdin.isTerminal()) return null;
  const encoder = new TextEncoder();
  const show = (text: string) => Deno.stdout.writeSync(encoder.encode(text));
  show(`${message} `);
  Deno.stdin.setRaw(true, { cbreak: true });
  const typed: number[] = [];
  const byte = new Uint8Array(1);
  try {
    while (Deno.stdin.readSync(byte) === 1) {
      const code = byte[0]!;
      if (ENTER.includes(code)) break;
      if (ERASE.includes(code)) typed.pop();
      else typed.push(code);
      if (mask !== "") show(`\r\x1b[K${message} ${mask.repeat(typed.length)}`);
    }
  } finally {
    Deno.stdin.setRaw(false);
    show(clear ? "\r\x1b[K" : "\n");
  }
  return new TextDecoder().decode(new Uint8Array(typed));
}
