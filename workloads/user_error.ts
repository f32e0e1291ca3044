/**
 * A mistake of the user in one sentence, and the exit codes.
 *
 * @module
 */
import { messageOf } from "../backends/error_message.ts";
import { cleanMessage } from "./secret.ts";

/** Exit codes of every command. */
export const EXIT: {
  readonly ok: 0;
  readonly failures: 1;
  readonly usage: 2;
  readonly unreachable: 3;
  readonly undecided: 4;
  readonly missed: 5;
  readonly invalid: 6;
  readonly internal: 70;
  readonly interrupted: 130;
} = {
  /** Everything done, failures within `--max-failures`. */
  ok: 0,
  /** More failed requests than `--max-failures` allows, or the server was lost. */
  failures: 1,
  /** Wrong options, files or values: nothing was measured. */
  usage: 2,
  /** The server does not answer, or is not the server expected. */
  unreachable: 3,
  /** A gate is neither passed nor missed: the intervals reach over its limits. */
  undecided: 4,
  /** A load did not keep a limit of `--require`. */
  missed: 5,
  /** The run broke a rule of its scenario. */
  invalid: 6,
  /** A fault of ours: printed with its stack. */
  internal: 70,
  /** Stopped by Ctrl-C; what was measured is reported. */
  interrupted: 130,
};

/**
 * A mistake of the user. The message says what could not be done, with the value, and what would
 * work; the program prints it without a stack.
 *
 * @example
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { measureBench, UserError } from "@tokometer/tokometer";
 *
 * await assertRejects(() => measureBench("ftp://127.0.0.1"), UserError, "ftp");
 * ```
 */
export class UserError extends Error {
  /** What the program exits with, one of {@linkcode EXIT}. */
  readonly exitCode: number;

  /**
   * Without an exit code it is one of usage: nothing was measured.
   *
   * @param message one sentence, no final period.
   */
  constructor(message: string, exitCode: number = EXIT.usage, options: ErrorOptions = {}) {
    // It may quote a server, which may quote our key.
    super(cleanMessage(message), options);
    this.name = "UserError";
    this.exitCode = exitCode;
  }
}

/**
 * The error to throw where a file cannot be used: `Cannot read results.json: there is no such file`.
 * A missing permission stays as it is: the program then says which flag to add.
 *
 * @param what e.g. `Cannot read results.json`.
 * @param hint follows the reason, e.g. `; choose another --out`.
 */
export function fileError(what: string, error: unknown, hint: string = ""): Error {
  if (error instanceof Deno.errors.NotCapable || error instanceof UserError) return error;
  const missing = error instanceof Deno.errors.NotFound;
  const reason = missing ? "there is no such file or folder" : messageOf(error);
  return new UserError(`${what}: ${reason}${hint}`, EXIT.usage, { cause: error });
}
