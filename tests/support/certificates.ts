/**
 * An authority and a server certificate of its own, made by openssl for one test run.
 *
 * @module
 */

/** PEM texts. */
export interface Certificates {
  readonly ca: string;
  /** Another authority, which did not sign. */
  readonly otherCa: string;
  /** For `localhost` and 127.0.0.1, signed by `ca`. */
  readonly cert: string;
  readonly key: string;
  /** The server's own, which nobody else signed: an authority's, as openssl makes it, and not. */
  readonly selfSigned: Readonly<
    Record<"ca" | "leaf", { readonly cert: string; readonly key: string }>
  >;
}

/** `undefined` where there is no openssl. */
export async function makeCertificates(): Promise<Certificates | undefined> {
  const folder = await Deno.makeTempDir();
  const openssl = (line: string) =>
    new Deno.Command("openssl", { args: line.split(" "), cwd: folder, stdin: "null" }).output();
  try {
    const key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    await Deno.writeTextFile(
      `${folder}/leaf.ext`,
      "basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n",
    );
    for (const name of ["ca", "other"]) {
      await openssl(
        `req -x509 ${key} -keyout ${name}.key -out ${name}.pem -days 2 -subj /CN=${name}`,
      );
    }
    await openssl(`req ${key} -keyout leaf.key -out leaf.csr -subj /CN=localhost`);
    const signed = await openssl(
      "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out leaf.pem -days 2 " +
        "-extfile leaf.ext",
    );
    if (!signed.success) throw new Error(new TextDecoder().decode(signed.stderr));
    const read = (name: string) => Deno.readTextFile(`${folder}/${name}`);
    const own = async (name: string, isCa: string) => {
      await openssl(
        `req -x509 ${key} -keyout ${name}.key -out ${name}.pem -days 2 -subj /CN=localhost ` +
          `-addext basicConstraints=critical,CA:${isCa} ` +
          "-addext subjectAltName=DNS:localhost,IP:127.0.0.1",
      );
      return { cert: await read(`${name}.pem`), key: await read(`${name}.key`) };
    };
    return {
      ca: await read("ca.pem"),
      otherCa: await read("other.pem"),
      cert: await read("leaf.pem"),
      key: await read("leaf.key"),
      selfSigned: { ca: await own("own-ca", "TRUE"), leaf: await own("own-leaf", "FALSE") },
    };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
