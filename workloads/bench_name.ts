/**
 * What the user calls a run: its name and its tags, which stand in the record file and in reports.
 *
 * @module
 */
import { isSecretField, MASK } from "./secret_names.ts";
import { cleanMessage } from "./secret.ts";
import type { RunHeader } from "../metrics/run.ts";
import { visibleLine } from "../metrics/visible_text.ts";
import { UserError } from "./user_error.ts";

/** Longest name, key or value, in characters. */
const MOST_CHARACTERS = 200;
const MOST_TAGS = 50;

/**
 * Reads `--name` and `--tag`.
 *
 * @throws {UserError} for an empty or too long one, a tag that is not `key=value`, a key given twice,
 * and what looks like a secret, since it would be stored.
 */
export function planName(
  { name, tag = [] }: {
    readonly name?: string | undefined;
    readonly tag?: readonly string[] | undefined;
  },
): Pick<RunHeader, "name" | "tags"> {
  if (tag.length > MOST_TAGS) {
    throw new UserError(`Cannot use ${tag.length} tags: ${MOST_TAGS} is the most`);
  }
  const tags = new Map<string, string>();
  for (const text of tag) {
    const [, key, value] = /^\s*([\w.-]+)\s*=([^]*)$/.exec(text) ?? [];
    if (key === undefined || value === undefined) {
      throw new UserError(
        `Cannot use --tag ${JSON.stringify(withoutValue(text))}: write it as key=value, e.g. ` +
          "--tag commit=1a2b3c",
      );
    }
    const option = `--tag ${key}`;
    if (isSecretField(key, value.trim())) {
      throw new UserError(
        `Cannot use ${option}=${MASK}: it looks like a secret, and tags are stored and shown`,
      );
    }
    if (tags.has(key)) throw new UserError(`Cannot use ${option} twice: a tag has one value`);
    tags.set(key, checked(option, value));
  }
  return {
    ...(name === undefined ? {} : { name: checked("--name", name) }),
    ...(tags.size === 0 ? {} : { tags: Object.fromEntries(tags) }),
  };
}

function checked(option: string, given: string): string {
  const text = visibleLine(given).trim();
  if (text === "") throw new UserError(`Cannot use an empty ${option}: leave it out`);
  if (text.length > MOST_CHARACTERS) {
    throw new UserError(
      `Cannot use ${option} of ${text.length} characters: ${MOST_CHARACTERS} is the most`,
    );
  }
  if (isSecretField("", text)) {
    throw new UserError(
      `Cannot use ${option} ${MASK}: it looks like a secret, and is stored and shown`,
    );
  }
  return cleanMessage(text);
}

/** A tag that is none, as far as it can be repeated. */
function withoutValue(text: string): string {
  const at = text.indexOf("=");
  return at < 0 ? cleanMessage(text.slice(0, MOST_CHARACTERS)) : `${text.slice(0, at + 1)}${MASK}`;
}
