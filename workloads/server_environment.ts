/**
 * What `env_setup.sh` of the scripts says about the server to start.
 *
 * @module
 */
import { UserError } from "./user_error.ts";

/** The variables that are read. */
export const START_VARIABLES = [
  "BACKEND",
  "MODEL_SIZE",
  "TP_SIZE",
  "HF_MODEL_PATH",
  "OPMX_MODEL_PATH",
] as const;

/** What a command line says about a server, or the environment in its place. */
export interface StartWords {
  readonly engine?: string | undefined;
  readonly modelPath?: string | undefined;
  readonly tokenizerPath?: string | undefined;
  /** GPUs that share the model. */
  readonly tp?: number | undefined;
}

/** The size that the scripts take where none is set. */
const MODEL_SIZE = "7";

/**
 * What the environment adds to what was given: the model lies where the scripts look for it,
 * `$HF_MODEL_PATH/llama-7b-hf`, and for ppl `$OPMX_MODEL_PATH/llama_7b_1gpu`, whose tokenizer is that of
 * the former.
 *
 * @throws {UserError} for a number of GPUs that is none.
 */
export function startFromEnvironment(
  given: StartWords,
  variables: Readonly<Partial<Record<typeof START_VARIABLES[number], string>>>,
): StartWords {
  const { BACKEND, TP_SIZE, HF_MODEL_PATH, OPMX_MODEL_PATH } = variables;
  const size = variables.MODEL_SIZE ?? MODEL_SIZE;
  const engine = given.engine ?? BACKEND;
  if (given.tp === undefined && TP_SIZE !== undefined && !/^[1-9]\d*$/.test(TP_SIZE)) {
    throw new UserError(`Cannot share a model among TP_SIZE=${TP_SIZE} GPUs: give 1, 2, 4 or 8`);
  }
  const tp = given.tp ?? (TP_SIZE === undefined ? undefined : Number(TP_SIZE));
  if (given.modelPath !== undefined) return { ...given, engine, tp };
  const huggingFace = HF_MODEL_PATH && `${HF_MODEL_PATH}/llama-${size}b-hf`;
  if (engine !== "ppl") return { ...given, engine, tp, modelPath: huggingFace };
  return {
    engine,
    tp,
    modelPath: OPMX_MODEL_PATH && `${OPMX_MODEL_PATH}/llama_${size}b_${tp ?? 1}gpu`,
    tokenizerPath: given.tokenizerPath ?? huggingFace,
  };
}
