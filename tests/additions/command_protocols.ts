/**
 * `tokometer protocols`: what the program can speak.
 *
 * @module
 */
import { PROTOCOLS } from "../../backends/protocols.ts";
import { type Command, defineCommand, type Host } from "../../workloads/command.ts";
import { option } from "../../workloads/option_table.ts";
import { EXIT } from "../../workloads/user_error.ts";

/** The command `protocols`. */
export const command: Command = defineCommand({
  name: "protocols",
  description: "Prints one line per protocol: its name, what carries it and the path of its call.",
  options: {
    carrier: option.choice({
      value: "NAME",
      choices: ["http", "grpc", "inprocess"],
      help: "Only the protocols that this carries.",
    }),
  },
  examples: {
    "tokometer protocols --carrier grpc": "those of gRPC servers",
  },
  run,
});

function run({ carrier }: { readonly carrier: string | undefined }, host: Host): Promise<number> {
  for (const { name, path, ...protocol } of PROTOCOLS) {
    if (carrier !== undefined && carrier !== protocol.carrier) continue;
    host.print(`${name.padEnd(22)} ${protocol.carrier.padEnd(9)} ${path}`);
  }
  return Promise.resolve(EXIT.ok);
}
