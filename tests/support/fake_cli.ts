/**
 * The whole program with {@linkcode FAKE} as its only command, to be run as a process.
 *
 * @module
 */
import { main } from "../../cli.ts";
import { FAKE } from "./fake_command.ts";

if (import.meta.main) Deno.exit(await main(Deno.args, { commands: [FAKE] }));
