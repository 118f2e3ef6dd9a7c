// Calls to the services and to the FHIR server, as the sandbox makes them.
import { token } from "./token.js";

export class Refused extends Error {}

async function called(setup, address, body) {
  const headers = { Accept: "application/json" };
  if (setup.key) headers.Authorization = `Bearer ${await token(setup.key, address)}`;
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(address, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Refused(`Could not get a response from the CDS Service (${answer.status})`);
  return answer.json();
}

// The address of a service is that of discovery as it was typed, a slash and the id.
export async function discovered(setup) {
  const found = await called(setup, setup.discovery);
  if (!found.services.length) throw new Refused("Failed to connect to the discovery endpoint");
  return found.services.map((service) => ({ ...service, url: `${setup.discovery}/${service.id}` }));
}

// A read that fails leaves its key out. A search is a POST of its parameters, sorted.
export async function prefetched(setup, service, context) {
  const given = {};
  for (const [key, template] of Object.entries(service.prefetch ?? {})) {
    const path = template.replaceAll("{{context.patientId}}", context.patientId);
    const [type, query] = path.split("?");
    const parameters = new URLSearchParams([...new URLSearchParams(query)].sort());
    const asked = query
      ? fetch(`${setup.fhir}/${type}/_search`, { method: "POST", body: parameters })
      : fetch(`${setup.fhir}/${path}`, { headers: { Accept: "application/json+fhir" } });
    const answer = await asked;
    if (answer.ok) given[key] = await answer.json();
  }
  return service.prefetch && { prefetch: given };
}

export async function hook(setup, service, context) {
  const request = {
    hookInstance: crypto.randomUUID(),
    hook: service.hook,
    fhirServer: setup.fhir,
    context,
    ...(await prefetched(setup, service, context)),
  };
  return called(setup, service.url, request);
}

// One element a post, and nobody looks at the answer.
export async function feedback(setup, service, told) {
  const element = { ...told, outcomeTimestamp: new Date().toISOString() };
  await called(setup, `${service.url}/feedback`, { feedback: [element] });
}
