package receipts

import (
	"fmt"
	"strings"
	"time"

	"kelisim/domain/consent"
)

// The vocabularies of the JSON-LD. What DPV 2.3 has no word for stands under our own prefix.
var dpvContext = node{
	"dpv": "https://w3id.org/dpv#", "loc": "https://w3id.org/dpv/loc#", "dct": "http://purl.org/dc/terms/",
	"skos": "http://www.w3.org/2004/02/skos/core#", "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "kelisim": "urn:kelisim:receipt#",
}

const dpvRecord = "https://w3id.org/dpv/schema/dpv-27560#record"

type node = map[string]any

// DPV writes the receipt as JSON-LD after ISO/IEC TS 27560, in the words of the Data Privacy Vocabulary 2.3. A consent is a record with every mandatory
// field (TestMandatoryFieldsOf27560), each purpose a process with a status of its own; a notice is the exercise of a right, with the status of the request. Every
// word of dpv: in it is in the vocabulary (TestWordsOfDPV).
func (r Receipt) DPV() ([]byte, error) {
	w := map[string]words{}
	for _, language := range Languages {
		var err error
		if w[language], err = wordsIn(language); err != nil {
			return nil, err
		}
	}
	d := dpv{r, w}
	doc := d.notice
	if r.Consent != nil {
		doc = d.consent
	}
	return pretty(doc())
}

// dpv is a receipt on its way into the vocabulary.
type dpv struct {
	Receipt
	words map[string]words
}

func ref(id string) node              { return node{"@id": id} }
func typed(types ...string) []string  { return types }
func iso(t time.Time) string          { return t.UTC().Format(time.RFC3339Nano) }
func (d dpv) subject() string         { return "urn:uuid:" + string(d.SubjectID) }
func stamp(t *time.Time, n node) node { n["dpv:isIndicatedAtTime"] = iso(*t); return n }
func (d dpv) label(key string) []node { return d.labels(func(w words) string { return w[key] }) }
func (d dpv) code(kind, c string) []node {
	return d.labels(func(w words) string { return w.code(kind, c) })
}

// labels is a text in each language.
func (d dpv) labels(say func(words) string) []node {
	var out []node
	for _, language := range Languages {
		out = append(out, node{"@language": language, "@value": say(d.words[language])})
	}
	return out
}

// common is what both kinds of document begin with.
func (d dpv) common(kind, id string) node {
	return node{
		"@context": dpvContext, "@id": "urn:uuid:" + id, "@type": typed(kind),
		"dct:identifier": id, "dpv:hasIdentifier": id, "dct:issued": iso(d.AsOf), "dct:creator": ref(d.controllerID()),
		"dpv:hasDataSubject": node{"@id": d.subject(), "@type": typed("dpv:DataSubject"), "dpv:hasIdentifier": string(d.SubjectID)},
		"dpv:hasEntity":      []node{d.controller()}, "dpv:hasJurisdiction": ref("loc:" + d.Jurisdiction),
		"kelisim:knownAt": d.KnownAt, "kelisim:evidence": d.evidence(),
	}
}

func (d dpv) controllerID() string {
	if d.Controller == nil {
		return "urn:kelisim:operator"
	}
	return "urn:kelisim:bin:" + d.Controller.BIN
}

func (d dpv) controller() node {
	n := node{"@id": d.controllerID(), "@type": typed("dpv:DataController", "dpv:LegalEntity")}
	if o := d.Controller; o != nil {
		n["dpv:hasIdentifier"], n["dpv:hasName"], n["dpv:hasAddress"], n["dpv:hasContact"] = o.BIN, o.Name, o.Address, o.Contact
	}
	return n
}

func (d dpv) evidence() []node {
	out := []node{}
	for _, e := range d.Evidence {
		n := node{"dct:identifier": e.ID, "dct:type": e.Type}
		if e.Proof != "" {
			n["kelisim:proof"] = e.Proof
		}
		out = append(out, n)
	}
	return out
}

func (d dpv) consent() any {
	c := d.Consent
	n := d.common("dpv:ConsentReceipt", c.ConsentID)
	n["dct:conformsTo"], n["dct:language"], n["dct:created"] = ref(dpvRecord), c.Language, iso(c.RecordedAt)
	n["dpv:hasNotice"] = []node{{
		"@type": typed("dpv:ConsentNotice"), "dpv:hasIdentifier": c.Document.ID, "dct:hasVersion": c.Document.Version, "dct:language": c.Document.Language,
		"dct:date": iso(c.Document.InForceFrom), "dct:title": d.code("document", c.Document.ID), "kelisim:sha256": c.Document.SHA256,
	}}
	processes := []node{}
	for _, p := range c.Purposes {
		processes = append(processes, d.process(p))
	}
	n["dpv:hasProcess"] = processes
	return n
}

// process is all that the consent says for one purpose, since each purpose can be withdrawn by itself.
func (d dpv) process(p Purpose) node {
	c := d.Consent
	recipients := []node{}
	for _, k := range c.Disclosures {
		if k.Purpose == p.Purpose {
			recipients = append(recipients, node{"@type": typed("dpv:Recipient"), "dpv:hasName": k.Recipient, "dpv:hasCountry": ref("loc:" + k.Country), "dct:date": iso(k.At)})
		}
	}
	processing := []node{}
	for _, act := range c.Acts {
		processing = append(processing, ref("dpv:"+dpvActs[act]))
	}
	purpose := node{"@type": typed("dpv:Purpose"), "kelisim:code": p.Purpose, "skos:prefLabel": d.code("purpose", p.Purpose), "skos:broader": dpvPurposes(p.Purpose)}
	withdraw := d.labels(func(w words) string {
		return w.say("withdrawal.how", "address", c.Withdraw.Address, "days", fmt.Sprint(c.Withdraw.Days))
	})
	return node{
		"@type": typed("dpv:Process"), "dpv:hasPurpose": []node{purpose}, "dpv:hasLegalBasis": []node{ref("dpv:ExpressedConsent")},
		"dpv:hasPersonalData":   []node{{"@type": typed("dpv:PersonalData"), "skos:prefLabel": d.label("data.all")}},
		"dpv:hasProcessing":     processing,
		"dpv:hasDataController": []node{ref(d.controllerID())},
		"dpv:hasDataSource":     []node{ref("dpv:DataSubjectDataSource")},
		"dpv:hasStorageCondition": []node{
			{"@type": typed("dpv:StorageLocation"), "dpv:hasLocation": ref("loc:" + d.Jurisdiction)},
			{"@type": typed("dpv:StorageDuration"), "dpv:hasDuration": node{"@type": typed("dpv:UntilEventDuration"), "rdf:value": d.label("retention")}},
		},
		"dpv:hasJurisdiction":   ref("loc:" + d.Jurisdiction),
		"dpv:hasRecipient":      recipients,
		"dpv:hasConsentControl": []node{{"@type": typed("dpv:WithdrawConsent"), "dpv:isExercisedAt": withdraw}},
		"dpv:hasRight":          []node{{"@type": typed("dpv:DataSubjectRight"), "skos:prefLabel": d.label("right.withdraw"), "dpv:isExercisedAt": withdraw}},
		"dpv:hasConsentStatus":  d.statuses(p),
	}
}

// statuses are what became of a consent for one purpose, in order. Of a withdrawal that is running the vocabulary has no status: consent is
// given until it takes effect, and the notice has a record of its own.
func (d dpv) statuses(p Purpose) []node {
	c := d.Consent
	given := "dpv:ConsentGiven"
	if c.Renews {
		given = "dpv:RenewedConsentGiven"
	}
	duration := node{"@type": typed("dpv:UntilEventDuration"), "rdf:value": d.code("validity", c.Validity)}
	if p.Until != nil {
		duration = node{"@type": typed("dpv:UntilTimeDuration"), "rdf:value": iso(*p.Until)}
	}
	all := []node{stamp(&c.GivenAt, node{
		"@type": typed(given, "dpv:ExpressedConsent"), "dpv:isIndicatedBy": ref(d.subject()), "dpv:hasIndicationMethod": c.Button + "_button", "dpv:hasLocation": c.Page,
		"dpv:isExercisedAt": d.code("button", c.Button), "dpv:hasDuration": duration, "dct:date": c.Day, "kelisim:zone": d.Zone,
	})}
	if p.Status == consent.Withdrawn {
		all = append(all, stamp(&p.Since, node{
			"@type": typed("dpv:ConsentWithdrawn"), "dpv:isIndicatedBy": ref(d.subject()), "dpv:isExercisedAt": d.code("channel", c.Withdraw.Channel), "kelisim:events": p.Events,
		}))
	}
	return all
}

// notice is the exercise of the right to withdraw.
func (d dpv) notice() any {
	v := d.Notice
	n := d.common("dpv:RightExerciseActivity", v.NoticeID)
	n["dct:created"], n["dct:date"], n["kelisim:zone"] = iso(v.RecordedAt), v.ReceivedOn, d.Zone
	n["dpv:hasRight"] = []node{{"@type": typed("dpv:DataSubjectRight"), "skos:prefLabel": d.label("right.withdraw"), "dpv:isExercisedAt": d.code("channel", v.Channel)}}
	n["dpv:hasRecipient"] = []node{ref(d.controllerID())}
	c := v.Computation
	n["kelisim:computation"] = node{"kelisim:clause": c.Clause, "kelisim:countedFrom": c.CountedFrom, "kelisim:days": c.Days, "kelisim:countedTo": c.CountedTo,
		"kelisim:edge": c.Edge, "kelisim:effectiveFrom": iso(c.EffectiveFrom)}
	steps := []node{stamp(&v.EnteredAt, node{"@type": typed("dpv:RequestInitiated"), "dct:date": v.ReceivedOn})}
	step := func(at time.Time, more node, kinds ...string) {
		more["@type"] = kinds
		steps = append(steps, stamp(&at, more))
	}
	if v.Acceptance != nil {
		step(v.Acceptance.At, node{}, "dpv:RequestAccepted")
	}
	switch v.Status {
	case consent.StatusRefused:
		step(v.Refusal.At, node{"dpv:hasJustification": d.grounds()}, "dpv:RequestRejected")
	case consent.StatusNotPerTerms:
		step(v.EnteredAt, node{}, "dpv:RequestRequiresAction")
	case consent.StatusRescinded:
		step(v.Rescission.At, node{"skos:prefLabel": d.code("status", v.Status)}, "dpv:RequestUnfulfilled")
	case consent.StatusPending:
		step(v.EnteredAt, node{"dpv:hasDuration": node{"@type": typed("dpv:UntilTimeDuration"), "rdf:value": iso(c.EffectiveFrom)}}, "dpv:RequestAccepted", "dpv:RequestActionDelayed")
	case consent.StatusEffective:
		step(c.EffectiveFrom, node{}, "dpv:RequestFulfilled")
		n["dpv:hasConsentStatus"] = []node{stamp(&c.EffectiveFrom, node{"@type": typed("dpv:ConsentWithdrawn"), "dct:issued": v.ReceivedOn, "kelisim:consents": v.Ends})}
	}
	n["dpv:hasRequestStatus"] = steps
	return n
}

func (d dpv) grounds() []node {
	var out []node
	for _, g := range d.Notice.Refusal.Grounds {
		out = append(out, node{"skos:prefLabel": d.code("ground", g.Code), "kelisim:code": g.Code, "kelisim:clause": g.Clause, "dct:identifier": g.ObligationID + g.HoldID})
	}
	return out
}

// dpvActs are the acts of P-1.5. To depersonalise is to make attribution impossible, which pseudonyms do not.
var dpvActs = map[string]string{
	"collect": "Collect", "systematise": "Organise", "accumulate": "Record", "store": "Store", "update": "Modify", "use": "Use", "distribute": "Disclose",
	"transfer": "Transfer", "transfer-cross-border": "CrossBorderTransfer", "depersonalise": "Anonymise", "block": "Restrict", "destroy": "Destruct",
}

// dpvPurposes are the vocabulary's purposes that one of P-2.3 falls under. One that an operator made falls under none of them in particular.
func dpvPurposes(purpose string) []node {
	known := map[string]string{
		"quality-research": "dpv:ServiceOptimisation", "marketing-statistics": "dpv:CommercialResearch dpv:Marketing", "advertising": "dpv:TargetedAdvertising",
	}
	var out []node
	for id := range strings.FieldsSeq(known[purpose]) {
		out = append(out, ref(id))
	}
	if out == nil {
		out = []node{ref("dpv:Purpose")}
	}
	return out
}
