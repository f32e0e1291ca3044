/**
 * What looks like a secret by its place, its name or its shape: in URLs, arguments and bodies.
 *
 * @module
 */

/** What stands in place of a secret. */
export const MASK = "***";

/**
 * URLs in a text without their user and password, and with `***` for what looks like a key in their
 * queries: for everything that is stored or shown.
 */
export function withoutPassword(text: string): string {
  return text.replace(USER_INFO, "$1").replace(
    QUERY_FIELD,
    (all, before, name, value) => isSecretQuery(name, value) ? `${before}${MASK}` : all,
  );
}

/** User and password of a URL, in group 1 what stands before. */
export const USER_INFO = /([a-z][a-z0-9+.-]{0,20}:\/\/)[^/?#\s]*@/gi;
/** A field of a query: all up to its value, its name, its value. */
export const QUERY_FIELD = /([?&;]([\w.~%-]+)=)([^&;#\s"']+)/g;

/** Whether a field of that name holds a key: `api_key`, `accessToken`; not `stop_token`. */
export function isSecretName(name: string): boolean {
  const words = name.replace(/([a-z\d])([A-Z])/g, "$1-$2").toLowerCase();
  return SECRET_NAME.test(words) && !TOKEN_OF_TEXT.test(words);
}

const SECRET_NAME =
  /(^|[-_.])(api-?key|apikey|key|secret|token|password|passwd|passphrase|pwd|credentials?|authorization|auth|cookie|signature|sig|jwt|bearer)$/;
/** Tokens of a text and its marks. */
const TOKEN_OF_TEXT =
  /(stop|pad|bos|eos|unk|mask|sep|cls|start|end|begin|special|first|last|image|audio|video|think|tool|per|each)[-_.]token$/;

/** The same, or a value that no one would write by hand: `sk-…`, a token of three parts. */
export function isSecretField(name: string, value: string): boolean {
  return isSecretName(name) || KEY_SHAPE.test(value);
}

/** The same of a URL's query. */
export function isSecretQuery(name: string, value: string): boolean {
  return isSecretField(name, value) || name === "code" || RANDOM.test(value);
}

const KEY_SHAPE =
  /^(Bearer |Basic )?((sk|pk|hf|ghp|gho|github_pat|glpat|xox[abp]|AKIA|AIza)[-_]?[\w-]{12,}|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*)$/;
const RANDOM = /^([0-9a-f]{16,}|(?=.*\d)(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9]{20,})$/;
