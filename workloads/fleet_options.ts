/**
 * Options that say how a fleet is reached: of its leader and of its agents.
 *
 * @module
 */
import type { Need, ValuesOf } from "./command.ts";
import { SECRET_SOURCES } from "./option_secret.ts";
import { group, option } from "./option_table.ts";

/** `--nats` that starts a server. */
export const EMBEDDED = "embedded";

function alone(...others: readonly string[]): readonly Need[] {
  return others.map((key) => ({
    key,
    not: true as const,
    because: "one way to log in is enough, leave out one of them",
  }));
}

/** The server, and who we are to it. */
export const NATS_OPTIONS = group("NATS", {
  nats: option.text({
    value: "URL",
    defaultText: "NATS_URL, if set",
    help: "NATS server of the fleet, with JetStream: nats://HOST:4222, tls://, ws:// or wss://, " +
      "several with commas between them.",
  }),
  natsCreds: option.file({
    defaultText: "NATS_CREDS, if set",
    needs: alone("natsNkey", "natsToken", "natsUser"),
    help: "Credentials file (.creds).",
    advanced: true,
  }),
  natsNkey: option.file({
    defaultText: "NATS_NKEY, if set",
    needs: alone("natsToken", "natsUser"),
    help: "File of an nkey's seed.",
    advanced: true,
  }),
  natsToken: option.text({
    value: "SOURCE",
    secret: true,
    defaultText: "NATS_TOKEN, if set",
    needs: alone("natsUser"),
    help: `Token; ${SECRET_SOURCES}.`,
    advanced: true,
  }),
  natsUser: option.text({
    value: "NAME",
    defaultText: "NATS_USER, if set",
    needs: [{ key: "natsPassword", because: "it logs in with a password" }],
    help: "User.",
    advanced: true,
  }),
  natsPassword: option.text({
    value: "SOURCE",
    secret: true,
    defaultText: "NATS_PASSWORD, if set",
    needs: [{ key: "natsUser", because: "it is a user's" }],
    help: "Password; given as --nats-token is.",
    advanced: true,
  }),
  natsCa: option.file({
    defaultText: "NATS_CA, if set; else the system's authorities",
    help: "PEM file of the certificate authority of the server.",
    advanced: true,
  }),
});

/** Their values. */
export type NatsValues = ValuesOf<typeof NATS_OPTIONS>;

/** The same for who leads a fleet. */
export const NATS_LEAD_OPTIONS = group("NATS", {
  ...NATS_OPTIONS,
  nats: {
    ...NATS_OPTIONS.nats,
    help: `${NATS_OPTIONS.nats.help} ${EMBEDDED} starts the nats-server of this machine, which ` +
      "ends with the run.",
  },
  natsListen: option.text({
    value: "ADDRESS:PORT",
    needs: [{ key: "nats", is: [EMBEDDED], because: "it is for a server that is started here" }],
    defaultText: "127.0.0.1 and a free port",
    help: `Where --nats ${EMBEDDED} listens. An address that is neither loopback nor private ` +
      "takes a token or a user and password, which the agents must then have, too.",
    advanced: true,
  }),
});

/** Their values. */
export type NatsLeadValues = ValuesOf<typeof NATS_LEAD_OPTIONS>;
