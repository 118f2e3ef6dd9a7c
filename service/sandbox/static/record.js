/** The record of a patient as the page shows and changes it: FHIR resources, never changed in place. */

/** @typedef {Record<string, any>} Resource */
/** @typedef {(string | number)[]} Path */
/** @typedef {{label: string, path: Path, kind: "date" | "choice" | "text", value: string, choices?: string[], until?: Path}} Field */
/** @typedef {{ref: string, path: Path, value: string}} Edit */

const MEDICATIONS = ["MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense"];
const STATUSES = /** @type {Record<string, string[]>} */ ({
  MedicationRequest: ["active", "on-hold", "completed", "stopped", "cancelled", "entered-in-error", "unknown"],
  MedicationStatement: ["active", "completed", "intended", "stopped", "on-hold", "not-taken", "unknown", "entered-in-error"],
  MedicationAdministration: ["in-progress", "completed", "stopped", "not-done", "on-hold", "unknown", "entered-in-error"],
  MedicationDispense: ["in-progress", "completed", "stopped", "cancelled", "declined", "on-hold", "unknown", "entered-in-error"],
});
const CLINICAL = ["active", "recurrence", "relapse", "inactive", "remission", "resolved"];
const VERIFIED = ["confirmed", "provisional", "differential", "unconfirmed", "refuted", "entered-in-error"];
const BOUNDS = ["dosageInstruction", 0, "timing", "repeat", "boundsPeriod"];

/** @param {Resource} resource */
export function refOf(resource) {
  return `${resource.resourceType}/${resource.id}`;
}

/** Give the name of a medicine or problem as the record writes it. @param {Resource} resource @returns {string} */
export function nameOf(resource) {
  const concept = resource.medicationCodeableConcept ?? resource.medication?.concept ?? resource.code;
  const coding = Array.isArray(concept?.coding) ? concept.coding[0] : undefined;
  const name = concept?.text ?? coding?.display ?? coding?.code ?? resource.medicationReference?.display;
  return typeof name === "string" && name !== "" ? name : "without a name";
}

/** @param {Resource} resource */
export function isMedication(resource) {
  return MEDICATIONS.includes(resource.resourceType);
}

/** Give the status that a reader looks for first. @param {Resource} resource @returns {string} */
export function statusOf(resource) {
  const stated = resource.clinicalStatus?.coding?.[0]?.code ?? resource.status;
  return typeof stated === "string" ? stated : "no status";
}

/** Say when, as the record does. @param {Resource} resource @returns {string} */
export function datesOf(resource) {
  return fieldsOf(resource)
    .filter((field) => field.kind === "date" && field.value)
    .map((field) => `${field.label.toLowerCase()} ${field.value.slice(0, 10)}`)
    .join(", ");
}

/** List what can be edited of a resource. @param {Resource} resource @returns {Field[]} */
export function fieldsOf(resource) {
  const field = (/** @type {string} */ label, /** @type {Path} */ path, /** @type {"date" | "text"} */ kind = "date") => ({
    label, path, kind, value: textAt(resource, path),
  });
  const choice = (/** @type {string} */ label, /** @type {Path} */ path, /** @type {string[]} */ choices) => ({
    label, path, kind: /** @type {const} */ ("choice"), value: textAt(resource, path), choices,
  });
  const present = (/** @type {Field} */ item) => item.value !== "";
  const status = () => choice("Status", ["status"], STATUSES[resource.resourceType]);
  switch (resource.resourceType) {
    case "Condition":
      return [
        choice("Clinical status", ["clinicalStatus", "coding", 0, "code"], CLINICAL),
        choice("Verification", ["verificationStatus", "coding", 0, "code"], VERIFIED),
        field("Onset", ["onsetDateTime"]), field("Abatement", ["abatementDateTime"]), field("Recorded", ["recordedDate"]),
      ];
    case "MedicationRequest":
      return [
        status(), field("Written", ["authoredOn"]), field("Starts", [...BOUNDS, "start"]), field("Ends", [...BOUNDS, "end"]),
        ...[field("Refills valid until", ["dispenseRequest", "validityPeriod", "end"])].filter(present),
      ];
    case "MedicationStatement":
      return resource.effectiveDateTime
        ? [status(), field("Taken", ["effectiveDateTime"]), field("Asserted", ["dateAsserted"])]
        : [status(), field("From", ["effectivePeriod", "start"]), field("To", ["effectivePeriod", "end"]), field("Asserted", ["dateAsserted"])];
    case "MedicationAdministration":
      return resource.effectiveDateTime
        ? [status(), field("Given", ["effectiveDateTime"])]
        : [status(), { ...field("Given", ["effectivePeriod", "start"]), until: ["effectivePeriod", "end"] }];
    case "MedicationDispense":
      return [status(), field("Handed over", ["whenHandedOver"]), ...[field("Prepared", ["whenPrepared"])].filter(present)];
    default:
      return [];
  }
}

/** List what can be edited of a draft order. @param {Resource} draft @returns {Field[]} */
export function draftFields(draft) {
  if (draft.resourceType !== "MedicationRequest") return [];
  return fieldsOf(draft).filter((field) => ["Starts", "Ends"].includes(field.label)).concat([
    { label: "Dose", path: ["dosageInstruction", 0, "text"], kind: "text", value: textAt(draft, ["dosageInstruction", 0, "text"]) },
  ]);
}

/** Write an edit of a field; an infusion that is moved ends on its new day, too. @param {Resource} resource @param {Field} field @param {string} value @returns {Edit[]} */
export function editsOf(resource, field, value) {
  const ref = refOf(resource);
  const end = field.until ? textAt(resource, field.until) : "";
  return [{ ref, path: field.path, value }, ...(field.until && end ? [{ ref, path: field.until, value: withDay(end, value.slice(0, 10)) }] : [])];
}

/** @param {any} value @param {Path} path @returns {string} */
function textAt(value, path) {
  const found = path.reduce((inner, step) => inner?.[step], value);
  return typeof found === "string" ? found : "";
}

/**
 * Return a copy in which the text at a path is another one; without a text it is gone, and so is what held only it.
 * @param {any} value @param {Path} path @param {string} text
 * @returns {any}
 */
export function withText(value, path, text) {
  if (path.length === 0) return text === "" ? undefined : text;
  const [step, ...rest] = path;
  const copy = Array.isArray(value) ? [...value] : { ...(value ?? {}) };
  const holder = typeof step === "number" && !Array.isArray(copy) ? [] : copy;
  const inner = withText(value?.[step], rest, text);
  if (inner === undefined) delete holder[step];
  else holder[step] = inner;
  return Object.keys(holder).length === 0 ? undefined : holder;
}

/**
 * Keep the time and zone of a dateTime where only its day is changed: an infusion keeps its hour.
 * @param {string} before @param {string} day
 */
export function withDay(before, day) {
  return day === "" ? "" : day + (/^\d{4}-\d\d-\d\d(T.*)$/.exec(before)?.[1] ?? "");
}

/** Apply edits to a record, in their order. @param {Resource[]} record @param {Edit[]} edits @returns {Resource[]} */
export function edited(record, edits) {
  return record.map((resource) =>
    edits.filter((edit) => edit.ref === refOf(resource)).reduce((inner, edit) => withText(inner, edit.path, edit.value), resource),
  );
}
