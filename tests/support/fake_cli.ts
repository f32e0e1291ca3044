/**
 * The whole program with the fake command as its only command, to be run as a process.
 *
 * @module
 */
import { main } from "../../cli.ts";
import { fakeEntry } from "./fake_command.ts";

if (import.meta.main) Deno.exit(await main(Deno.args, { commands: [fakeEntry()] }));
