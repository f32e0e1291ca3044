/**
 * Writes values as YAML: maps and lists in lines, texts in the quotes of JSON where they need any.
 *
 * @module
 */

/** A value of a document; what is `undefined` is left out. */
export type YamlValue =
  | string
  | number
  | boolean
  | readonly YamlValue[]
  | { readonly [name: string]: YamlValue | undefined };

/** Documents, divided by lines of their own. */
export function yamlDocuments(documents: readonly YamlValue[]): string {
  return documents.map((one) => `---\n${lines(one).join("\n")}\n`).join("");
}

function lines(value: YamlValue): readonly string[] {
  if (Array.isArray(value)) {
    return value.length === 0 ? ["[]"] : value.flatMap((one) => {
      const [first, ...rest] = lines(one);
      return [`- ${first}`, ...rest.map((line) => `  ${line}`)];
    });
  }
  if (typeof value !== "object") return [scalar(value as string | number | boolean)];
  const fields = Object.entries(value).filter(([, one]) => one !== undefined);
  return fields.length === 0 ? ["{}"] : fields.flatMap(([name, one]) => {
    const [first, ...rest] = lines(one as YamlValue);
    const nested = typeof one === "object" && !/^(\[\]|\{\})$/.test(first!);
    return nested
      ? [`${scalar(name)}:`, ...[first, ...rest].map((line) => `  ${line}`)]
      : [`${scalar(name)}: ${first}`];
  });
}

/** A text stays bare only where no reader of YAML 1.1 or 1.2 takes it for anything else. */
function scalar(value: string | number | boolean): string {
  if (typeof value !== "string") return String(value);
  return BARE.test(value) && !WORD_OF_YAML.test(value) ? value : JSON.stringify(value);
}

const BARE = /^[A-Za-z/][\w./-]*$/;
const WORD_OF_YAML = /^(y|n|yes|no|on|off|true|false|null|inf|nan)$/i;
