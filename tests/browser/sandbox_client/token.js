// The JWT of each call: ES384, `aud` the exact address called, five minutes, a new `jti`; `jku` as the sandbox names it.
const ISSUER = "https://sandbox.cds-hooks.org";

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function encoded(value) {
  return base64url(new TextEncoder().encode(JSON.stringify(value)));
}

export async function token(jwk, audience) {
  const algorithm = { name: "ECDSA", namedCurve: "P-384" };
  const key = await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["sign"]);
  const issued = Math.floor(Date.now() / 1000);
  const header = { alg: "ES384", typ: "JWT", kid: jwk.kid, jku: `${ISSUER}/.well-known/jwks.json` };
  const claims = { iss: ISSUER, aud: audience, iat: issued, exp: issued + 300, jti: crypto.randomUUID() };
  const signing = `${encoded(header)}.${encoded(claims)}`;
  const bytes = new TextEncoder().encode(signing);
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-384" }, key, bytes);
  return `${signing}.${base64url(new Uint8Array(signature))}`;
}
