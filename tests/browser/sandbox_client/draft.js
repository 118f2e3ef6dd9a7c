// The one draft order, and what an action does to it: as in the sandbox, and nothing else.
const RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm";

export class Draft {
  constructor(patient, authoredOn) {
    const subject = { reference: `Patient/${patient}` };
    this.resource = { resourceType: "MedicationRequest", id: "request-123", status: "draft", subject, authoredOn };
  }

  // With a drug come intent, category (an object) and dose; without one they are not there.
  choose(drug) {
    const { resource } = this;
    for (const name of ["medicationCodeableConcept", "intent", "category", "dosageInstruction"]) delete resource[name];
    if (!drug) return;
    resource.dosageInstruction = [{ timing: { repeat: { frequency: 1, period: 1, periodUnit: "d" } } }];
    resource.intent = "order";
    const system = "http://terminology.hl7.org/CodeSystem/medicationrequest-category";
    resource.category = { coding: [{ system, code: "community" }] };
    const coding = [{ display: drug.text, system: RXNORM, code: drug.code }];
    resource.medicationCodeableConcept = { text: drug.text, coding };
  }

  // The condition that was chosen is an object, not a list.
  because(condition) {
    const { code } = condition;
    this.resource.reasonCode = { text: code.text, coding: code.coding };
  }

  get drug() {
    return this.resource.medicationCodeableConcept;
  }

  // Does the first action that applies, and says whether the draft is another one than before.
  apply(suggestion) {
    const before = JSON.stringify(this.drug);
    for (const action of suggestion.actions ?? []) {
      if (action.type === "delete") {
        this.choose(null);
        break;
      }
      const { text, coding } = action.resource?.medicationCodeableConcept ?? {};
      if (text && coding?.[0]?.code) {
        this.choose({ text, code: coding[0].code });
        break;
      }
    }
    return JSON.stringify(this.drug) !== before;
  }

  bundle() {
    return { resourceType: "Bundle", entry: [{ resource: this.resource }] };
  }
}
