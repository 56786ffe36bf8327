package account

import "kelisim/domain"

// Acceptance is the press of a button under displayed documents, in one language (T-2.3, P-2.2).
type Acceptance struct {
	Button    string        `json:"button"`   // register, buy
	Page      string        `json:"page"`     // marketplace, subscription
	Language  string        `json:"language"` // in which the documents were shown
	Documents []DocumentRef `json:"documents,omitempty"`
}

// DocumentRef is what was shown: a version and the SHA-256 of its exact bytes.
type DocumentRef struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
}

// Document finds the shown document by its id.
func (a Acceptance) Document(id string) (DocumentRef, bool) {
	for _, d := range a.Documents {
		if d.ID == id {
			return d, true
		}
	}
	return DocumentRef{}, false
}

// Contacts are the points at which the user can be reached (T-2.6); at least one is given.
type Contacts struct {
	Email  domain.Personal `json:"email,omitzero" personal:"identity"`
	Mobile domain.Personal `json:"mobile,omitzero" personal:"identity"`
}

// Kinds lists which contacts are given.
func (c Contacts) Kinds() []string {
	var out []string
	if c.Email.Given() {
		out = append(out, "email")
	}
	if c.Mobile.Given() {
		out = append(out, "mobile")
	}
	return out
}

// PersonalData are the fields of P-1.4 that the ledger keeps, and no others.
type PersonalData struct {
	FamilyName  domain.Personal   `json:"family_name,omitzero" personal:"identity"`
	GivenName   domain.Personal   `json:"given_name,omitzero" personal:"identity"`
	Patronymic  domain.Personal   `json:"patronymic,omitzero" personal:"identity"`
	IIN         domain.Personal   `json:"iin,omitzero" personal:"identity"`
	DateOfBirth domain.Personal   `json:"date_of_birth,omitzero" personal:"identity"`
	Workplace   domain.Personal   `json:"workplace,omitzero" personal:"attributes"`
	Position    domain.Personal   `json:"position,omitzero" personal:"attributes"`
	Addresses   []Address         `json:"addresses,omitempty"`
	Phones      Phones            `json:"phones,omitzero"`
	Emails      []domain.Personal `json:"emails,omitempty" personal:"identity"`
}

// Address is a postal address: residence, registration or post.
type Address struct {
	Kind string          `json:"kind"`
	Text domain.Personal `json:"text" personal:"identity"`
}

// Phones of a person.
type Phones struct {
	Home   domain.Personal `json:"home,omitzero" personal:"identity"`
	Work   domain.Personal `json:"work,omitzero" personal:"identity"`
	Mobile domain.Personal `json:"mobile,omitzero" personal:"identity"`
}

// IsZero tells that no field is given.
func (p PersonalData) IsZero() bool {
	given := false
	_ = domain.EachPersonal(&p, func(string, domain.Class, *domain.Personal) error {
		given = true
		return nil
	})
	return !given
}
