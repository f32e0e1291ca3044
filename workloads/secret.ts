/**
 * Secrets of this process, and how they are kept out of everything that is stored or shown. Servers
 * repeat what they were sent: a refusal may quote the key, its header, or the whole URL. Every text
 * that others wrote passes through {@linkcode withoutSecrets} before it is kept.
 *
 * A value of fewer than 6 characters, or of fewer than 8 without a digit (`EMPTY`, `none`, `test`),
 * is not looked for: it would be found in ordinary words, and protects nothing.
 *
 * @module
 */
import { mapTexts, visibleText } from "../metrics/visible_text.ts";
import { MASK, withoutPassword } from "./secret_names.ts";
import { findSecrets, formsOf, type Place, type SecretForms } from "./secret_forms.ts";

const secrets = new Set<string>();
let forms: SecretForms = { anywhere: [], alone: [] };

/** Remembers a secret for the rest of the process. */
export function keepSecret(text: string): void {
  const secret = text.trim();
  if (!isWorthHiding(secret) || secrets.has(secret)) return;
  secrets.add(secret);
  const { anywhere, alone } = formsOf(secret);
  forms = {
    anywhere: [...forms.anywhere, ...anywhere],
    alone: [...forms.alone, ...alone],
  };
}

function isWorthHiding(secret: string): boolean {
  const { length } = secret;
  return length >= 8 || length >= 6 && /\d/.test(secret) && /\D/.test(secret);
}

/**
 * The text with `***` for every secret, as it is or encoded: in percent signs, as a JSON or HTML
 * text, in hexadecimal, or inside of Base64. A secret that was cut off by `…` or by the end of the
 * text is masked as well.
 */
export function withoutSecrets(text: string): string {
  let clean = "";
  let done = 0;
  for (const [from, to] of placesOfSecrets(text)) {
    clean += text.slice(done, from) + MASK;
    done = to;
  }
  return clean + text.slice(done);
}

/** Where secrets stand in a text, in order. */
export function placesOfSecrets(text: string): readonly Place[] {
  return secrets.size === 0 ? [] : findSecrets(text, forms);
}

/** Whether there is any secret to look for. */
export function knowsSecrets(): boolean {
  return secrets.size > 0;
}

/** A message without secrets, and without those in URLs that are too short to be looked for. */
export function cleanMessage(text: string): string {
  return withoutPassword(withoutSecrets(text));
}

/** What may be shown of a text that holds words of others: on a terminal, in a log. */
export function shown(text: string): string {
  return visibleText(cleanMessage(text));
}

/** A value with {@linkcode withoutSecrets} of every text in it, at any depth. */
export function withoutSecretsIn<T>(value: T): T {
  return knowsSecrets() ? mapTexts(value, withoutSecrets) : value;
}
